import PQueue from "p-queue";
import { join } from "node:path";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { requireStorage } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { openStorage } from "../../storage/open.ts";
import type { RunOptions } from "../backup/backup.ts";
import type { EventSink, SummaryEvent } from "../events.ts";
import { loadManifest } from "../stored/list.ts";
import { ProgressMeter } from "../progress.ts";
import { type Bindings, bindQueue, toBeBound } from "./bindings.ts";
import { declareOptions } from "./plan.ts";
import { type RestoreContext, restoreQueue } from "./queue.ts";
import { claimRestore, connectionsOf, restoreKey, streamsOf, surveyRestore } from "./survey.ts";
import type { Target } from "./targets.ts";
import { restoreStream } from "../stream/restore.ts";
import { lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";
import { removeFolder } from "../spool/spool.ts";

/**
 * Restores a backup into the target broker, or goes on with an interrupted restore of the same
 * backup into the same target.
 *
 * Throws an {@linkcode AppError} when the run cannot go on; confirmed messages are recorded, and the
 * same command goes on behind them.
 */
export async function runRestore(options: RunOptions): Promise<SummaryEvent> {
  const { config, backupId, emit } = options;
  const storage = await openStorage(requireStorage(config));
  try {
    // 1. The backup, and one process a run.
    const manifest = await loadManifest(storage, backupId);
    const key = restoreKey(config, { backupId, location: storage.location });
    const folder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(folder, key);
    removeFetched(folder);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);

    // 2. Where each queue goes.
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    using meter = new ProgressMeter("restore", emit);
    await using connections = connectionsOf(config, signal);
    const streams = streamsOf(config, { emit, signal });
    const run = claimRestore(checkpoint, { key, createdAt: manifest.created_at });
    const recorded = checkpoint.restoreQueues(run.id);
    emit({ type: "step", message: "Looking at the target" });
    if (recorded.length > 0) {
      emit({ type: "step", message: `Going on with the restore of ${backupId}` });
    }
    const { targets, bindings, refusal } = await surveyRestore({
      config,
      storage,
      manifest,
      connections,
      streams,
      recorded,
      emit,
      signal,
    });
    if (refusal !== undefined) throw refusal;

    // 3. Missing queues and their bindings, then messages.
    const context: RestoreContext = {
      backupId,
      options: config.restore,
      run,
      storage,
      checkpoint,
      connections,
      streams,
      meter,
      emit,
      folder,
      signal,
    };
    const outcome = await restoreQueues(context, { targets, bindings, abort });

    // 4. Done: a later restore of this backup starts anew.
    if (outcome.failed === 0) checkpoint.finishRun(run.id);
    removeFolder(folder);
    meter.send();
    const duplicates = targets.reduce((sum, { position }) => sum + position.resent, 0);
    tellDuplicates(targets, emit);
    return {
      type: "summary",
      operation: "restore",
      backupId,
      location: storage.location,
      outcome: outcome.failed + outcome.skipped > 0 ? "partial" : "ok",
      queuesOk: outcome.ok,
      queuesSkipped: outcome.skipped,
      queuesFailed: outcome.failed,
      messages: outcome.messages,
      bytes: outcome.bytes,
      seconds: meter.seconds,
      possibleDuplicates: duplicates,
    };
  } finally {
    await storage.close();
  }
}

/** The summary counts them; this says where to look. */
function tellDuplicates(targets: readonly Target[], emit: EventSink): void {
  for (const { entry: { vhost, name }, position: { resent } } of targets) {
    if (resent === 0) continue;
    const messages = resent === 1 ? "1 message" : `${resent} messages`;
    emit({
      type: "warning",
      vhost,
      queue: name,
      message: `Up to ${messages} of queue "${name}" of vhost "${vhost}" may be there twice, ` +
        "because of an interruption",
    });
  }
}

/** The numbers of a queue that nothing was published to. */
const NOTHING = { messages: 0, bytes: 0, seconds: 0 };

interface Outcome {
  ok: number;
  skipped: number;
  failed: number;
  messages: number;
  bytes: number;
}

async function restoreQueues(
  context: RestoreContext,
  options: { targets: readonly Target[]; bindings: Bindings; abort: AbortController },
): Promise<Outcome> {
  const { meter, signal } = context;
  const outcome: Outcome = { ok: 0, skipped: 0, failed: 0, messages: 0, bytes: 0 };
  const targets = options.targets.toSorted((a, b) => b.entry.message_count - a.entry.message_count);
  meter.queuesTotal = targets.length;
  meter.messagesTotal = targets.reduce((sum, target) => sum + left(target), 0);
  const pool = new PQueue({ concurrency: context.options.max_concurrent_queues });
  let firstFailure: AppError | undefined;
  for (const target of targets) {
    if (target.action === "skip") {
      outcome.skipped++;
      report(context, target, { outcome: "skipped", ...NOTHING });
      continue;
    }
    pool.add(async () => {
      if (signal.aborted) return;
      try {
        await restoreOne(context, { target, bindings: options.bindings, outcome });
      } catch (error) {
        if (isQueueFailure(error) && !signal.aborted) {
          firstFailure ??= error;
          outcome.failed++;
          meter.errorCount++;
          report(context, target, { outcome: "failed", ...NOTHING, error });
        } else {
          options.abort.abort(error);
        }
      }
    });
  }
  await pool.onIdle();
  signal.throwIfAborted();
  if (outcome.ok === 0 && firstFailure !== undefined) throw firstFailure;
  return outcome;
}

async function restoreOne(
  context: RestoreContext,
  options: { target: Target; bindings: Bindings; outcome: Outcome },
): Promise<void> {
  const { target, bindings, outcome } = options;
  const { entry } = target;
  const startedAt = performance.now();
  const position = toBeBound(target)
    ? await createBound(context, { target, bindings })
    : target.position;
  const { messages, bytes } = position.done || entry.message_count === 0
    ? { messages: 0, bytes: 0 }
    : await (entry.stream === undefined ? restoreQueue : restoreStream)(context, {
      entry,
      depthBefore: target.depth,
      position,
    });
  if (entry.message_count === 0 || position.done) context.meter.queuesDone++;
  outcome.ok++;
  outcome.messages += messages;
  outcome.bytes += bytes;
  report(context, target, {
    outcome: position.done ? "resumed" : "ok",
    messages,
    bytes,
    seconds: (performance.now() - startedAt) / 1000,
  });
}

/** Creates a queue and makes its bindings, or makes those that an earlier run has not. */
async function createBound(
  context: RestoreContext,
  { target, bindings }: { target: Target; bindings: Bindings },
): Promise<RestoreQueueRow> {
  const { checkpoint, run } = context;
  const { entry, action, position } = target;
  // Recorded before, so that a run that is killed in between knows what is left to do.
  checkpoint.putRestoreQueue(run.id, { ...position, unbound: true });
  if (action === "create") {
    await context.connections.use(entry.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      await inspector.declare(entry.name, declareOptions(entry));
    });
  }
  const unbound = !await bindQueue(context, { entry, bindings });
  const bound = { ...position, unbound };
  checkpoint.putRestoreQueue(run.id, bound);
  return bound;
}

function report(
  context: RestoreContext,
  target: Target,
  result: {
    outcome: "ok" | "skipped" | "failed" | "resumed";
    messages: number;
    bytes: number;
    seconds: number;
    error?: AppError;
  },
): void {
  const { entry } = target;
  const reason = result.error?.message ?? target.reason;
  const hint = result.error?.hint ?? target.hint;
  context.emit({
    type: "queue_done",
    operation: "restore",
    vhost: entry.vhost,
    queue: entry.name,
    queueType: entry.queue_type,
    outcome: result.outcome,
    messages: result.messages,
    bytes: result.bytes,
    seconds: result.seconds,
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Errors of one queue; all others (connection, storage) end the run. */
function isQueueFailure(error: unknown): error is AppError {
  return error instanceof AppError &&
    ["failed", "refused", "broker_missing", "broker_denied", "damaged"].includes(error.code);
}

function left({ entry, position, action }: Target): number {
  return action === "skip" || position.done ? 0 : entry.message_count - position.confirmed;
}

/** Removes segments that a killed restore had fetched. */
function removeFetched(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name !== "lock") Deno.removeSync(join(folder, name), { recursive: true });
  }
}
