import { dirname } from "node:path";
import { CheckpointStore } from "../../checkpoint/store.ts";
import type { Config } from "../../config/config.ts";
import { spoolRoom } from "../spool/room.ts";
import type { AreaFindings } from "./findings.ts";
import { writeProblem } from "./write_problem.ts";

const MIB = 2 ** 20;

/** What is known of the messages that will be held here. */
export interface SpoolNeeds {
  /** Bytes of bodies in the largest queue; undefined where it is not known. */
  readonly largestQueueBytes: number | undefined;
}

/** Whether progress can be recorded here, and messages kept on their way. */
export async function checkMachine(
  findings: AreaFindings,
  config: Config,
  { largestQueueBytes }: SpoolNeeds,
): Promise<void> {
  const { offset_storage: { db_path }, backup } = config;
  await findings.attempt("progress", async () => {
    CheckpointStore.openToRead(db_path)?.[Symbol.dispose]();
    const problem = await writeProblem(dirname(db_path));
    if (problem === undefined) return findings.ok("progress", `Progress can be kept in ${db_path}`);
    const hint = "Give this user the right to write there, or set offset_storage.db_path";
    findings.fail("progress", `Progress cannot be kept in ${db_path}: ${problem}`, hint);
  });
  const problem = await writeProblem(backup.spool_dir);
  if (problem !== undefined) {
    const hint = "Give this user the right to write there, or set backup.spool_dir";
    return findings.fail("spool", `Cannot write into ${backup.spool_dir}: ${problem}`, hint);
  }
  const room = await spoolRoom(backup);
  const shown = `${Math.floor(room / MIB)} MiB for messages on their way in ${backup.spool_dir}`;
  if (largestQueueBytes !== undefined && largestQueueBytes > room) {
    return findings.warn(
      "spool",
      `There are ${shown}, and the largest queue has ${Math.ceil(largestQueueBytes / MIB)} MiB: ` +
        "it will be refused",
      "Make room, set backup.spool_dir to a larger disk, or take a part with backup.partial: oldest",
    );
  }
  findings.ok("spool", Number.isFinite(room) ? `There are ${shown}` : "There is room for messages");
}
