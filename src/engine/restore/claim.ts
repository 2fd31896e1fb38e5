import type { Run, RunKey } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { newChoice, type RestoreChoice, resumedChoice } from "./choice.ts";

/** What makes a restore the same when the command is given again. */
export function restoreKey(
  config: Config,
  { backupId, location }: { backupId: string; location: string },
): RunKey {
  const { address } = requireTarget(config).amqp_url;
  return { operation: "restore", backupId, location, scope: address };
}

/** Which restore is meant, and when it was called for. */
export interface RestoreCall {
  readonly config: Config;
  readonly key: RunKey;
  /** When the backup was begun, epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds; what times from now are seen from. */
  readonly now: number;
}

/** An interrupted run to go on with, and the choice that it was begun with. */
export interface FoundRestore {
  readonly run: Run | undefined;
  readonly choice: RestoreChoice;
}

/**
 * The interrupted run to go on with. Throws `refused` when it is of another backup of that id, or was
 * begun with another choice and has published something; one that has not is begun anew.
 */
export function findRestore(
  checkpoint: CheckpointStore,
  { config: { restore }, key, createdAt, now }: RestoreCall,
): FoundRestore {
  const known = checkpoint.runs.find(key);
  if (known?.state !== "running") return { run: undefined, choice: newChoice(restore, now) };
  if (known.peer !== peerOf(createdAt)) {
    throw new AppError(
      "refused",
      `Cannot go on with the restore of "${key.backupId}": its checkpoint is of another backup ` +
        "that had the same id",
      { hint: "empty the target queues, and set offset_storage.db_path to a new file" },
    );
  }
  if (checkpoint.restores.queues(known.id).length === 0) {
    return { run: undefined, choice: newChoice(restore, now) };
  }
  const { backupId } = key;
  const choice = resumedChoice(restore, { recorded: known.choice, now, backupId });
  return { run: known, choice };
}

/** The run to go on with, or a new one, and its choice. */
export function claimRestore(
  checkpoint: CheckpointStore,
  call: RestoreCall,
): { run: Run; choice: RestoreChoice } {
  const { run, choice } = findRestore(checkpoint, call);
  if (run !== undefined) return { run, choice };
  const { key, createdAt, now } = call;
  const begun = checkpoint.runs.start(key, {
    peer: peerOf(createdAt),
    startedAt: now,
    choice: choice.recorded,
  });
  return { run: begun, choice };
}

/**
 * The choice that the last restore of this backup into this target was begun with, finished or not, where
 * the configuration still says the same; else a new one.
 */
export function lastChoice(
  checkpoint: CheckpointStore,
  { config: { restore }, key, createdAt, now }: RestoreCall,
): RestoreChoice {
  const known = checkpoint.runs.find(key);
  if (known?.peer !== peerOf(createdAt)) return newChoice(restore, now);
  try {
    return resumedChoice(restore, { recorded: known.choice, now, backupId: key.backupId });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "refused") throw error;
    return newChoice(restore, now);
  }
}

/** A backup id may have been deleted and taken again: then positions of the old one mean nothing. */
export function peerOf(createdAt: number): string {
  return String(createdAt);
}
