import { rm } from "node:fs/promises";
import type { CopyStamp, Run, RunKey } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import type { Config } from "../../config/config.ts";
import { AppError, messageOf } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";
import { fetchCopy } from "./copy_file.ts";
import { copyKey } from "./keys.ts";

/** Options of {@linkcode takeFoundCopy}. */
export interface FoundCopyOptions {
  readonly config: Config;
  readonly key: RunKey;
  readonly storage: Storage;
  /** What is known on this machine; undefined: nothing. */
  readonly local: CheckpointStore | undefined;
  /** Takes the run over when the copy knows more than `local`. */
  readonly into: CheckpointStore;
  /** Where the copy is fetched to, a file that is removed again. */
  readonly path: string;
  /** Restore: which backup the copy has to be of. */
  readonly peer?: string | undefined;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/**
 * Takes over the progress that another machine left in the storage, where it is ahead of what is known
 * here. Returns whether it is.
 *
 * @throws AppError `damaged` when the copy cannot be used and nothing is known here
 */
export async function takeFoundCopy(options: FoundCopyOptions): Promise<boolean> {
  const { config, key, storage, local, into, path, signal } = options;
  const known = local?.runs.find(key);
  const object = copyKey(config, key);
  try {
    if (!await fetchCopy(storage, { key: object, path, signal })) return false;
    using store = CheckpointStore.open(path);
    const run = store.runs.all().find((one) => isSame(one, key));
    if (run === undefined || isOfAnother(run, options)) return false;
    const stamp = store.runs.copyStamp(run.id);
    if (known !== undefined && !isAhead({ run, stamp }, { local: local!, known, key })) {
      return false;
    }
    into.takeRun(key, { store, run });
  } catch (error) {
    tellUnusable(error, { ...options, object, isKnown: known?.state === "running" });
    return false;
  } finally {
    await rm(path, { force: true });
  }
  const at = await storage.stat(object);
  const when = at === undefined ? "" : `, of ${new Date(at.modifiedAt).toISOString()}`;
  options.emit({
    type: "step",
    message: `Taking over the progress that another machine left in the storage${when}`,
  });
  return true;
}

function isSame(run: Run, { operation, backupId, scope }: RunKey): boolean {
  // The same place may have another name on another machine.
  return run.operation === operation && run.backupId === backupId && run.scope === scope;
}

/** Positions in another backup that had the same id mean nothing. */
function isOfAnother(run: Run, { peer, emit }: FoundCopyOptions): boolean {
  if (peer === undefined || run.peer === peer) return false;
  emit({
    type: "warning",
    message:
      "The progress in the storage is of another backup that had the same id; it is not used",
  });
  return true;
}

/**
 * Whether a copy tells of more than the rows here: not when a process with this very file wrote it, or
 * when this file is a later continuation of it. One of a run that was begun later always does.
 */
function isAhead(
  { run, stamp }: { run: Run; stamp: CopyStamp },
  { local, known, key }: { local: CheckpointStore; known: Run; key: RunKey },
): boolean {
  const ours = local.runs.copyStamp(known.id);
  if (stamp.writer === ours.writer || local.runs.lockOwners(key).includes(stamp.writer)) {
    return false;
  }
  if (run.startedAt !== known.startedAt) return run.startedAt > known.startedAt;
  return known.state === "done" || stamp.sequence >= ours.sequence;
}

/** A copy that cannot be read is no reason to stop where all is known here. */
function tellUnusable(
  error: unknown,
  options: FoundCopyOptions & { object: string; isKnown: boolean },
): void {
  const { key, storage, object, isKnown, emit } = options;
  if (!(error instanceof AppError) || error.code !== "damaged") throw error;
  const message = `the copy of its progress in the storage cannot be used: ${messageOf(error)}`;
  if (isKnown) return emit({ type: "warning", message: `Going on without it: ${message}` });
  throw new AppError(
    "damaged",
    `Cannot go on with ${key.operation} "${key.backupId}": ${message}`,
    {
      cause: error,
      hint: `run it on the machine where it was begun; or remove "${object}" in ` +
        `${storage.location}, and what was done is not known any more`,
    },
  );
}
