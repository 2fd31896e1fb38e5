import { markerKey } from "../../archive/layout.ts";
import { localFolder } from "../../config/storage.ts";
import type { StorageConfig } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { PlannedStorage } from "../plan_types.ts";
import { refuseFinished } from "./claim.ts";

/**
 * Looks at the storage of a backup that is planned. Nothing is written, so whether it could be is not
 * known. What would end the backup is given as `problem`.
 */
export async function lookAtStorage(
  storage: Storage,
  { config, backupId }: { config: StorageConfig; backupId: string },
): Promise<PlannedStorage> {
  try {
    if (!await canList(storage, config)) return { state: "absent" };
    await refuseFinished(storage, { backupId });
    const isBegun = await storage.stat(markerKey(backupId)) !== undefined;
    return { state: isBegun ? "unfinished" : "free" };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "interrupted" || error.code === "terminated") throw error;
    return { state: "problem", problem: error };
  }
}

/** Asks for the first name; false where a folder is not there yet, which a backup makes. */
async function canList(storage: Storage, config: StorageConfig): Promise<boolean> {
  try {
    for await (const _ of storage.listFolders("")) break;
    return true;
  } catch (error) {
    const isFolder = localFolder(config) !== undefined;
    if (isFolder && error instanceof AppError && error.code === "storage_missing") return false;
    throw error;
  }
}
