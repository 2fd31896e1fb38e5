import { requireStorage } from "../config/config.ts";
import { openStorage, waitWarning } from "../storage/open.ts";
import type { Storage } from "../storage/storage.ts";
import type { RunOptions } from "./backup/backup.ts";

/** Opens the store of a run: it ends with the run, and waiting for it is told. */
export async function openRunStorage(
  { config, emit, signal }: Pick<RunOptions, "config" | "emit" | "signal">,
): Promise<Storage> {
  return await openStorage(requireStorage(config), {
    signal,
    onWait: (wait) => emit({ type: "warning", ...waitWarning(wait) }),
  });
}
