import PQueue from "p-queue";
import { markerKey } from "../../archive/layout.ts";
import type { DefinitionsEntry, SkippedQueue } from "../../archive/manifest.ts";
import { ManagementClient } from "../../broker/management/client.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { BackupQueueRow } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireSource, requireStorage } from "../../config/config.ts";
import type { AppError } from "../../errors.ts";
import { isRead } from "../../safety/plan.ts";
import { isVolatile, withShortPatience } from "../../config/storage.ts";
import type { Storage } from "../../storage/storage.ts";
import { ConnectionPool } from "../connection_pool.ts";
import type { EventSink, SummaryEvent } from "../events.ts";
import { Handover } from "../handover/handover.ts";
import { HoldBudget } from "../hold/budget.ts";
import { quotedNames } from "../names.ts";
import { Packer } from "../packing/packer.ts";
import { Pace } from "../pace.ts";
import type { BackupPlan } from "../plan_types.ts";
import { ProgressMeter } from "../progress.ts";
import { isQueueFailure } from "../queue_failure.ts";
import { queueKey } from "../queue_key.ts";
import { openRunStorage } from "../open_storage.ts";
import { lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";
import { removeFolder } from "../spool/spool.ts";
import { sourceIdentity } from "../survey/discover.ts";
import { NodeWatch, untilCalm } from "../survey/node_watch.ts";
import { type Omission, omissionsOf } from "../survey/omissions.ts";
import { BaseCheck } from "../stored/chain.ts";
import { StreamStarts } from "../stream/start.ts";
import { streamConnector } from "../stream/survey.ts";
import { hasToBeRead, heldAtMost, type PlannedQueue, survey } from "../survey/survey.ts";
import { checkedRow } from "./checked_row.ts";
import { claimBackup, refuseFinished } from "./claim.ts";
import { backupDefinitions } from "./definitions.ts";
import { assertStillOurs, finishBackup } from "./manifest.ts";
import { type BackupContext, backupQueue, skipQueue } from "./queue.ts";
import { lookAtStorage } from "./storage_look.ts";
import { reportTraffic } from "./traffic.ts";

/** What a backup needs to know. */
export interface RunOptions {
  readonly config: Config;
  readonly backupId: string;
  readonly emit: EventSink;
  /** Take the lock in the storage from another run that may be alive. */
  readonly breakLock?: boolean;
  /** How fast it goes, which may be changed on the way. */
  readonly pace?: Pace;
  /** Aborted: stop reading, give the messages back, write the checkpoint, throw the reason. */
  readonly signal: AbortSignal;
}

/**
 * Takes a backup, or goes on with an interrupted one of the same id and source. Calls `onBegun` once
 * there is something to go on with.
 *
 * Throws an {@linkcode AppError} when the run cannot go on; what was done so far is kept, and the
 * same command goes on there. A partial result is no error: see the summary's `outcome`.
 */
export async function takeBackup(
  options: RunOptions & { onBegun: () => void },
): Promise<SummaryEvent> {
  const { config, backupId, emit } = options;
  const storage = await openRunStorage(options);
  try {
    const key = { operation: "backup", backupId, location: storage.location, scope: "" } as const;

    if (isVolatile(requireStorage(config))) {
      emit({
        type: "warning",
        message: "The backup is kept in memory, and is gone when this process ends",
        hint: "for more than a trial, use a folder: --path /var/backups/rabbitmq",
      });
    }

    // 1. One process a run, here and on other machines, and the checkpoint of what is done already.
    const spoolFolder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(spoolFolder, key);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);
    await refuseFinished(storage, key);
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    await using handover = await Handover.begin({
      ...{ config, key, checkpoint, folder: spoolFolder, emit, signal },
      breakLock: options.breakLock ?? false,
      onLost: (error) => abort.abort(error),
    });

    // 2. Which queues, how deep, what would reading do to them.
    using meter = new ProgressMeter("backup", emit);
    await using connections = connectionsOf(config, signal);
    const streams = streamsOf(config, { emit, signal });
    const client = new ManagementClient(requireSource(config));
    const nodes = new NodeWatch(client);
    emit({ type: "step", message: "Looking at the queues" });
    const source = await sourceIdentity(client, { nodes, signal });
    await untilCalm(nodes, { emit, signal });
    const starts = await streamStarts(storage, { ...options, signal, cluster: source.clusterName });
    const found = await survey({
      config,
      client,
      connections,
      source,
      checkpoint,
      nodes,
      streams,
      starts,
      signal,
    });
    const omissions = omissionsOf(found, requireSource(config).queues);
    tellPlan(found.queues, emit);
    tellOmissions(omissions, emit);

    // 3. The id is ours from here on.
    const { run, resumed } = await claimBackup(storage, checkpoint, {
      key,
      peer: source.clusterName,
      choice: JSON.stringify(requireSource(config).queues),
      begun: (run) => handover.start(run),
    });
    if (resumed) emit({ type: "step", message: `Going on with backup ${backupId}` });
    options.onBegun();

    // 4. Definitions.
    const warnings = omissions.filter(({ isMissing }) => isMissing).map(({ message }) => message);
    let definitions: DefinitionsEntry | null = null;
    if (config.backup.include_definitions) {
      emit({ type: "step", message: "Reading the definitions" });
      definitions = await backupDefinitions({
        client,
        storage,
        backupId,
        config,
        warnings,
        emit,
        signal,
      });
    }

    // 5. Queues: read, give back, pack.
    using packer = new Packer();
    const context: BackupContext = {
      backupId,
      options: config.backup,
      run,
      storage,
      checkpoint,
      client,
      connections,
      streams,
      starts,
      packer,
      nodes,
      budget: await HoldBudget.of(nodes, { options: config.backup, emit, signal }),
      plan: found.plan,
      meter,
      pace: options.pace ?? new Pace(),
      emit,
      readNow: new Set(),
      spoolFolder,
      signal,
    };
    await backupQueues(context, { queues: found.queues, abort });
    await reportTraffic(context, client, found.queues);

    // 6. The manifest makes it a backup, if it is still ours; then the traces of the way go.
    await handover.assertHeld();
    const summary = await finishBackup(context, {
      definitions,
      incomplete: warnings.length > 0,
      source,
      warnings,
    });
    await assertStillOurs(context, handover);
    await storage.delete([markerKey(backupId)]);
    checkpoint.runs.finish(run.id);
    await handover.finish();
    removeFolder(spoolFolder);
    meter.send();
    return summary;
  } finally {
    await storage.close();
  }
}

/** What {@linkcode takeBackup} would do, queue by queue; reads nothing but depths. */
export async function planBackup(options: RunOptions): Promise<BackupPlan> {
  const { config, backupId, emit, signal } = options;
  await using connections = connectionsOf(config, signal);
  const client = new ManagementClient(requireSource(config));
  const nodes = new NodeWatch(client);
  const source = await sourceIdentity(client, { nodes, signal });
  using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
  const seen = await lookedAt(options, source.clusterName);
  const found = await survey({
    config,
    client,
    connections,
    nodes,
    source,
    checkpoint,
    streams: streamsOf(config, { emit, signal }),
    starts: seen.starts,
    signal,
  });
  tellOmissions(omissionsOf(found, requireSource(config).queues), emit);
  if (config.backup.include_definitions && !found.userTags.includes("administrator")) {
    emit({
      type: "warning",
      message: "The definitions would not be in this backup: they take the tag administrator",
      hint: "give the user that tag, or set backup.include_definitions: false",
    });
  }
  return {
    backupId,
    location: seen.location,
    storage: seen.storage,
    source: { cluster: source.clusterName, version: source.rabbitmqVersion },
    queues: found.queues.map((item) => ({
      vhost: item.queue.vhost,
      queue: item.queue.name,
      queueType: item.queue.type,
      messages: item.ready,
      ...planned(item),
    })),
  };
}

/** Says before anything is read what reading will cost, and where it is done in spite of a risk. */
function tellPlan(queues: readonly PlannedQueue[], emit: EventSink): void {
  const read = queues.filter(hasToBeRead);
  for (const { queue, plan: { risk } } of read) {
    if (risk === undefined) continue;
    const { vhost, name } = queue;
    emit({ type: "warning", vhost, queue: name, message: `Queue "${name}" is at risk: ${risk}` });
  }
  const byAmqp = read.filter(({ plan }) => plan.byAmqp !== undefined);
  for (const [reason, having] of Map.groupBy(byAmqp, ({ plan }) => plan.reason!)) {
    const names = quotedNames(having.map(({ queue }) => queue));
    emit({
      type: "warning",
      message: `Not all of ${names} will be in the backup: ${reason}`,
      hint: "make the stream port reachable (source.stream_port), or accept it with " +
        "backup.stream_protocol: amqp",
    });
  }
  const costly = read.filter(({ plan }) => plan.verdict === "cost" && plan.byAmqp === undefined);
  for (const [reason, having] of Map.groupBy(costly, ({ plan }) => plan.reason!)) {
    const names = quotedNames(having.map(({ queue }) => queue));
    emit({ type: "step", message: `Reading ${names} has a cost: ${reason}` });
  }
}

function tellOmissions(omissions: readonly Omission[], emit: EventSink): void {
  for (const { isMissing: _, ...omission } of omissions) emit({ type: "warning", ...omission });
}

function planned({ queue, plan }: PlannedQueue) {
  const { keepsPart: _, hold: __, byAmqp: ___, returnMethod, ...shown } = plan;
  return queue.type === "stream" ? shown : { ...shown, returnMethod };
}

async function backupQueues(
  context: BackupContext,
  options: { queues: readonly PlannedQueue[]; abort: AbortController },
): Promise<void> {
  const { checkpoint, run, meter, pace, signal } = context;
  const rows = new Map<string, BackupQueueRow>();
  const bases = new BaseCheck(context.storage);
  for (const row of checkpoint.backups.queues(run.id)) {
    rows.set(queueKey(row), await checkedRow(context, { row, bases }));
  }
  const known = (planned: PlannedQueue) => rows.get(queueKey(planned.queue));
  // Deep queues first: they take longest, and the others fill the gaps.
  const queues = options.queues.toSorted((a, b) => b.ready - a.ready);
  meter.queuesTotal = queues.length;
  meter.messagesTotal = queues.reduce((sum, planned) => sum + toRead(planned, known(planned)), 0);
  const atOnce = () => pace.atOnce(context.options.max_concurrent_queues);
  const pool = new PQueue({ concurrency: atOnce() });
  using _pace = pace.watch(() => pool.concurrency = atOnce());
  const failures: { planned: PlannedQueue; error: AppError }[] = [];
  const start = (item: { planned?: PlannedQueue; row?: BackupQueueRow }) =>
    pool.add(async () => {
      if (signal.aborted) return;
      try {
        await backupQueue(context, item);
      } catch (error) {
        if (item.planned !== undefined && isQueueFailure(error) && !signal.aborted) {
          failures.push({ planned: item.planned, error });
        } else {
          // The others give their messages back and stop.
          options.abort.abort(error);
        }
      }
    });
  for (const planned of queues) {
    const row = known(planned);
    if (row?.state === "done") {
      reportResumed(context, row);
    } else if (!isRead(planned.plan)) {
      skipQueue(context, skippedByPlan(planned));
    } else {
      start({ planned, ...(row === undefined ? {} : { row }) });
    }
  }
  for (const row of rows.values()) {
    if (queues.some(({ queue }) => queueKey(queue) === queueKey(row))) continue;
    // Gone from the broker since the interruption; what was read of it is in the spool.
    if (row.state === "read") start({ row });
    else if (row.state === "reading") skipQueue(context, goneQueue(row));
  }
  await pool.onIdle();
  signal.throwIfAborted();
  // Not one could be read, and not for its own sake: that is no backup.
  const failed = new Set(failures.map(({ planned }) => planned));
  const failure = failures.find(({ error }) => error.code !== "refused");
  const isNone = queues.every((planned) => failed.has(planned) || !hasToBeRead(planned));
  if (failure !== undefined && isNone) throw failure.error;
  for (const { planned, error } of failures) skipQueue(context, skippedByError(planned, error));
}

function skipped(
  { queue }: PlannedQueue,
  kind: SkippedQueue["kind"],
  { reason, hint }: { reason: string; hint?: string | undefined },
): SkippedQueue {
  return {
    vhost: queue.vhost,
    name: queue.name,
    queue_type: queue.type,
    kind,
    reason,
    ...(hint === undefined ? {} : { hint }),
  };
}

function skippedByPlan(planned: PlannedQueue): SkippedQueue {
  const { verdict, reason = "", hint } = planned.plan;
  return skipped(planned, verdict === "excluded" ? "excluded" : "refused", { reason, hint });
}

function skippedByError(planned: PlannedQueue, error: AppError): SkippedQueue {
  const { code, message, hint } = error;
  return skipped(planned, code === "refused" ? "refused" : "failed", { reason: message, hint });
}

function goneQueue(row: BackupQueueRow): SkippedQueue {
  return {
    vhost: row.vhost,
    name: row.name,
    queue_type: row.report.entry?.queue_type ?? "unknown",
    kind: "failed",
    reason: "it was deleted while the backup was interrupted",
  };
}

function reportResumed(context: BackupContext, row: BackupQueueRow): void {
  const entry = row.report.entry!;
  context.meter.queuesDone++;
  context.emit({
    type: "queue_done",
    operation: "backup",
    vhost: row.vhost,
    queue: row.name,
    queueType: entry.queue_type,
    outcome: "resumed",
    messages: entry.message_count,
    bytes: entry.body_bytes,
    seconds: 0,
    ...(entry.partial === undefined ? {} : { reason: entry.partial }),
  });
}

function toRead(planned: PlannedQueue, row: BackupQueueRow | undefined): number {
  if (row?.state === "done" || !isRead(planned.plan)) return 0;
  if (row?.state === "read") return row.report.entry!.message_count;
  return heldAtMost(planned);
}

/** The storage as a plan sees it, and what it says of where streams begin. */
async function lookedAt(options: RunOptions, cluster: string) {
  const { config, backupId, emit, signal } = options;
  const ofStorage = withShortPatience(requireStorage(config));
  const storage = await openRunStorage({ config: { ...config, storage: ofStorage }, emit, signal });
  try {
    return {
      location: storage.location,
      storage: await lookAtStorage(storage, { config: ofStorage, backupId }),
      starts: await streamStarts(storage, { ...options, cluster }),
    };
  } finally {
    await storage.close();
  }
}

async function streamStarts(
  storage: Storage,
  { config, ...context }: Pick<RunOptions, "config" | "backupId" | "signal"> & { cluster: string },
): Promise<StreamStarts> {
  return await StreamStarts.of(config.backup, { ...context, storage, now: Date.now() });
}

function streamsOf(
  config: Config,
  { emit, signal }: { emit: EventSink; signal: AbortSignal },
): StreamConnector {
  return streamConnector(requireSource(config), { name: "rabbitmq-backup backup", emit, signal });
}

function connectionsOf(config: Config, signal: AbortSignal): ConnectionPool {
  return new ConnectionPool(requireSource(config), "rabbitmq-backup backup", { signal });
}
