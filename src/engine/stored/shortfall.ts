import type { Manifest } from "../../archive/manifest.ts";
import { queuesAre, quotedNames } from "../names.ts";

/** What a partial backup lacks, for those who rely on it; undefined when it is complete. */
export function shortfallOf(manifest: Manifest): string | undefined {
  if (manifest.state === "complete") return undefined;
  const queues = [
    // What cannot be backed up by its nature is not missed.
    ...manifest.skipped.filter(({ kind }) => kind !== "excluded"),
    ...manifest.queues.filter(({ partial }) => partial !== undefined),
  ];
  const lacks = queues.length === 0 ? [] : [
    `${queuesAre(queues.length)} not in it, or only in part: ${quotedNames(queues)}`,
  ];
  const what = [...lacks, ...manifest.warnings].join("; ");
  return `Backup "${manifest.backup_id}" is partial: ${what || "it does not say what it lacks"}`;
}
