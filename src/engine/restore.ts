import PQueue from "p-queue";
import { join } from "node:path";
import { QueueInspector } from "../broker/amqp/queue_inspector.ts";
import type { RestoreQueueRow, Run } from "../checkpoint/rows.ts";
import { CheckpointStore } from "../checkpoint/store.ts";
import { type Config, requireStorage, requireTarget } from "../config/config.ts";
import { AppError } from "../errors.ts";
import { openStorage } from "../storage/open.ts";
import type { RunOptions } from "./backup.ts";
import { ConnectionPool } from "./connection_pool.ts";
import type { SummaryEvent } from "./events.ts";
import { loadManifest } from "./list.ts";
import type { RestorePlan } from "./plan_types.ts";
import { ProgressMeter } from "./progress.ts";
import { queueKey } from "./queue_key.ts";
import { declareOptions, selectQueues, withDefinedArguments } from "./restore_plan.ts";
import { type RestoreContext, restoreQueue } from "./restore_queue.ts";
import { planTargets, type Target } from "./restore_targets.ts";
import { lockRun, runFolder } from "./run_lock.ts";
import { removeFolder } from "./spool.ts";

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
    const key = {
      operation: "restore",
      backupId,
      location: storage.location,
      scope: requireTarget(config).amqp_url.address,
    } as const;
    const folder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(folder, key);
    removeFetched(folder);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);

    // 2. Where each queue goes.
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    using meter = new ProgressMeter("restore", emit);
    await using connections = connectionsOf(config, signal);
    const run = claimRestore(checkpoint, { key, createdAt: manifest.created_at });
    emit({ type: "step", message: "Looking at the target" });
    const entries = await withDefinedArguments(storage, {
      manifest,
      entries: selectQueues(manifest, config.restore.queues),
    });
    const positions = new Map(
      checkpoint.restoreQueues(run.id).map((row) => [queueKey(row), row]),
    );
    if (positions.size > 0) {
      emit({ type: "step", message: `Going on with the restore of ${backupId}` });
    }
    const targets = await planTargets({ config, entries, connections, positions, signal });

    // 3. Missing queues, then messages.
    const context: RestoreContext = {
      backupId,
      options: config.restore,
      run,
      storage,
      checkpoint,
      connections,
      meter,
      emit,
      folder,
      signal,
    };
    const outcome = await restoreQueues(context, { targets, abort });

    // 4. Done: a later restore of this backup starts anew.
    if (outcome.failed === 0) checkpoint.finishRun(run.id);
    removeFolder(folder);
    meter.send();
    const duplicates = targets.reduce((sum, { position }) => sum + position.resent, 0);
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

/** What {@linkcode runRestore} would do; changes nothing. */
export async function planRestore(
  options: RunOptions,
): Promise<RestorePlan> {
  const { config, backupId, signal } = options;
  const storage = await openStorage(requireStorage(config));
  try {
    const manifest = await loadManifest(storage, backupId);
    await using connections = connectionsOf(config, signal);
    const entries = selectQueues(manifest, config.restore.queues);
    const positions = new Map<string, RestoreQueueRow>();
    const targets = await planTargets({
      config,
      entries,
      connections,
      positions,
      signal,
      keepGoing: true,
    });
    return {
      backupId,
      location: storage.location,
      target: { address: requireTarget(config).amqp_url.address },
      queues: targets.map(({ entry, action, reason, hint }) => ({
        vhost: entry.vhost,
        queue: entry.name,
        queueType: entry.queue_type,
        messages: entry.message_count,
        action,
        ...(reason === undefined ? {} : { reason }),
        ...(hint === undefined ? {} : { hint }),
      })),
    };
  } finally {
    await storage.close();
  }
}

/** The run to go on with, or a new one. */
function claimRestore(
  checkpoint: CheckpointStore,
  options: { key: Parameters<CheckpointStore["findRun"]>[0]; createdAt: number },
): Run {
  const { key } = options;
  // A backup id may have been deleted and taken again: then positions of the old one mean nothing.
  const peer = String(options.createdAt);
  const known = checkpoint.findRun(key);
  if (known?.state === "running") {
    if (known.peer === peer) return known;
    throw new AppError(
      "refused",
      `Cannot go on with the restore of "${key.backupId}": its checkpoint is of another backup ` +
        "that had the same id",
      { hint: "empty the target queues, and set offset_storage.db_path to a new file" },
    );
  }
  return checkpoint.startRun(key, peer, Date.now());
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
  options: { targets: readonly Target[]; abort: AbortController },
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
        await restoreOne(context, { target, outcome });
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
  options: { target: Target; outcome: Outcome },
): Promise<void> {
  const { target, outcome } = options;
  const { entry, position } = target;
  const startedAt = performance.now();
  if (target.action === "create") {
    await context.connections.use(entry.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      await inspector.declare(entry.name, declareOptions(entry));
    });
  }
  const { messages, bytes } = position.done || entry.message_count === 0
    ? { messages: 0, bytes: 0 }
    : await restoreQueue(context, { entry, depthBefore: target.depth, position });
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

function connectionsOf(config: Config, signal: AbortSignal): ConnectionPool {
  return new ConnectionPool(requireTarget(config), "rabbitmq-backup restore", { signal });
}
