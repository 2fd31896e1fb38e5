import PQueue from "p-queue";
import { join } from "node:path";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireTarget, type RestoreOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { openRunStorage } from "../open_storage.ts";
import type { RunOptions } from "../backup/backup.ts";
import type { EventSink, SummaryEvent } from "../events.ts";
import { restoreDefinitions } from "../definitions/restore_step.ts";
import { loadManifest } from "../stored/list.ts";
import { queueKey } from "../queue_key.ts";
import { ProgressMeter } from "../progress.ts";
import { Handover } from "../handover/handover.ts";
import { Ahead } from "./ahead.ts";
import type { Bindings } from "./bindings.ts";
import { claimRestore, peerOf, restoreKey } from "./claim.ts";
import { createBound } from "./create.ts";
import { RestoreMapping } from "./mapping.ts";
import { readOutgoingRules } from "./outgoing_rules.ts";
import { Pauses } from "./pauses.ts";
import { leftOutOf, type RestoreContext, type RestoredQueue, restoreQueue } from "./queue.ts";
import { RateLimit, type Rates } from "./rate_limit.ts";
import { Reconnector } from "./reconnect.ts";
import { planRouting } from "./routing/plan_routing.ts";
import { connectionsOf, type RestoreSurvey, streamsOf, surveyRestore } from "./survey.ts";
import type { MessageSelection } from "./selection.ts";
import { isSent, type Target } from "./targets.ts";
import { storeUndelivered, type UndeliveredArchive } from "./undelivered.ts";
import { createVhosts } from "./vhosts.ts";
import { restoreStream } from "../stream/restore.ts";
import { lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";
import { removeFolder } from "../spool/spool.ts";

/** Options of a restore. */
export interface RestoreRunOptions extends RunOptions {
  /** When it was called for; what times from now are seen from. */
  readonly now: Date;
  /** The person has seen the plan: what stands there is not told again. */
  readonly isPlanSeen?: boolean;
  /** Holds the run to a rate, and may be given others on the way. Default: what the configuration says. */
  readonly limit?: RateLimit;
}

/** The rates that a configuration asks for. */
export function ratesOf({ restore }: Pick<Config, "restore">): Rates {
  const { rate_limit_messages_per_sec: messages, rate_limit_bytes_per_sec: bytes } = restore;
  return { messages, bytes };
}

/**
 * Restores a backup into the target broker, or goes on with an interrupted restore of the same
 * backup into the same target.
 *
 * Throws an {@linkcode AppError} when the run cannot go on; confirmed messages are recorded, and the
 * same command goes on behind them.
 */
export async function runRestore(options: RestoreRunOptions): Promise<SummaryEvent> {
  const { config, backupId, emit } = options;
  const storage = await openRunStorage(options);
  try {
    // 1. The backup, and one process a run, here and on other machines.
    const manifest = await loadManifest(storage, backupId);
    const key = restoreKey(config, { backupId, location: storage.location });
    const folder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(folder, key);
    removeFetched(folder);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    await using handover = await Handover.begin({
      ...{ config, key, checkpoint, folder, emit, signal },
      breakLock: options.breakLock ?? false,
      peer: peerOf(manifest.created_at),
      onLost: (error) => abort.abort(error),
    });

    // 2. Definitions, when they are wanted; without them no messages.
    if (config.restore.restore_definitions) {
      await restoreDefinitions({ config, storage, manifest, emit, signal });
    }

    // 3. Where each queue goes.
    using meter = new ProgressMeter("restore", emit);
    await using connections = connectionsOf(config, signal);
    const streams = streamsOf(config, { emit, signal });
    const { run, choice: { selection } } = claimRestore(checkpoint, {
      config,
      key,
      createdAt: manifest.created_at,
      now: options.now.getTime(),
    });
    const mapping = new RestoreMapping(config.restore);
    const recorded = checkpoint.restoreQueues(run.id);
    emit({ type: "step", message: "Looking at the target" });
    if (recorded.length > 0) {
      emit({ type: "step", message: `Going on with the restore of ${backupId}` });
    }
    const survey = await surveyRestore({
      config,
      storage,
      manifest,
      selection,
      mapping,
      connections,
      streams,
      recorded,
      emit: options.isPlanSeen ? () => {} : emit,
      signal,
    });
    if (survey.refusal !== undefined) throw survey.refusal;
    if (!options.isPlanSeen) {
      tellWindow(selection, emit);
      tellNotes(survey, emit);
    }

    // 4. Through which exchanges, and how many messages come of it.
    if (config.restore.publish_mode === "exchange") {
      emit({ type: "step", message: "Counting what the bindings make of each message" });
    }
    const found = { config, storage, manifest, selection, mapping, connections, signal, ...survey };
    const routing = await planRouting(found);
    if (routing?.refusal !== undefined) throw routing.refusal;

    // 5. Missing vhosts, missing queues and their bindings, then messages.
    await createVhosts(survey.vhosts, { target: requireTarget(config), signal });
    const rules = await readOutgoingRules(found);
    const pauses = new Pauses();
    const reconnector = new Reconnector({
      seconds: config.restore.reconnect_secs,
      connect: (vhost) => connections.use(vhost, () => Promise.resolve()),
      emit,
      signal,
    });
    const ahead = new Ahead({
      ...{ checkpoint, run, targets: inOrder(survey.targets) },
      window: config.restore.window,
      intervalSeconds: config.offset_storage.sync_interval_secs,
    });
    await handover.start(run, ahead);
    ahead.copy = handover.copy;
    const context: RestoreContext = {
      backupId,
      options: config.restore,
      selection,
      mapping,
      run,
      storage,
      checkpoint,
      connections,
      streams,
      reconnector,
      ahead,
      limit: options.limit ?? new RateLimit(ratesOf(config)),
      rules,
      exchanges: routing?.routing,
      pauses,
      meter,
      emit,
      folder,
      signal,
    };
    const outcome = await restoreQueues(context, { ...survey, abort });
    await handover.assertHeld();

    // 6. What the target did not take is kept apart.
    const archives = await storeUndelivered({
      manifest,
      selection,
      storage,
      run,
      checkpoint,
      path: config.restore.undelivered_path,
      folder,
      signal,
    });
    tellUndelivered(archives, { mode: config.restore.publish_mode, emit });

    // 7. Done: a later restore of this backup starts anew. Not while a queue is half restored, be it
    // one that this call left out.
    const positions = checkpoint.restoreQueues(run.id);
    const isHalf = positions.some((row) => isSent(row) && !row.done);
    if (outcome.failed === 0 && !isHalf) {
      checkpoint.finishRun(run.id);
      await handover.finish();
    }
    removeFolder(folder);
    meter.send();
    tellDuplicates(positions, emit);
    tellNoneChosen(outcome, emit);
    const undelivered = archives.reduce((sum, { messages }) => sum + messages, 0);
    return {
      type: "summary",
      operation: "restore",
      backupId,
      location: storage.location,
      target: requireTarget(config).amqp_url.address,
      outcome: outcome.failed + outcome.skipped + undelivered > 0 ? "partial" : "ok",
      queuesOk: outcome.ok,
      queuesSkipped: outcome.skipped,
      queuesFailed: outcome.failed,
      messages: outcome.messages,
      bytes: outcome.bytes,
      seconds: meter.seconds,
      possibleDuplicates: positions.reduce((sum, { resent }) => sum + resent, 0),
      messagesLeftOut: outcome.leftOut,
      undelivered,
      ...(archives.length === 0 ? {} : {
        undeliveredBackups: archives.map((archive) => archive.backupId),
        undeliveredLocation: archives[0]!.location,
      }),
      ...(routing === undefined ? {} : { copies: outcome.copies }),
      reconnects: reconnector.outages,
      pausedSeconds: pauses.seconds,
    };
  } finally {
    await storage.close();
  }
}

/** Times from now are resolved: a log should tell to what. */
function tellWindow({ timeWindow }: MessageSelection, emit: EventSink): void {
  if (timeWindow === undefined) return;
  const { start, end, field } = timeWindow;
  const parts = [
    ...Number.isFinite(start) ? [`from ${new Date(start).toISOString()}`] : [],
    ...Number.isFinite(end) ? [`up to ${new Date(end).toISOString()}`] : [],
  ];
  const message = `Only messages whose ${field} is ${parts.join(" ")}`;
  emit({ type: "step", message });
}

/** What is not as it was in the backup: the plan has it too, and not everybody looks at it first. */
function tellNotes({ notes }: RestoreSurvey, emit: EventSink): void {
  for (const [{ destination: { vhost, name } }, texts] of notes) {
    for (const text of texts) {
      emit({
        type: "warning",
        vhost,
        queue: name,
        message: `Queue "${name}" of vhost "${vhost}": ${text}`,
      });
    }
  }
}

/** A mistyped date or tenant looks like success otherwise. */
function tellNoneChosen({ messages, leftOut, resumed }: Outcome, emit: EventSink): void {
  if (messages > 0 || leftOut === 0 || resumed > 0) return;
  emit({
    type: "warning",
    message:
      `No message was restored: none of ${leftOut} is of the time and kind that was asked for`,
    hint: "check the time window and the filters of the restore",
  });
}

/** The summary counts them; this says where to look. */
function tellDuplicates(positions: readonly RestoreQueueRow[], emit: EventSink): void {
  for (const { vhost, name, resent } of positions) {
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

/** Says where they are, and how to try once more. */
function tellUndelivered(
  archives: readonly UndeliveredArchive[],
  { mode, emit }: { mode: RestoreOptions["publish_mode"]; emit: EventSink },
): void {
  for (const { backupId, location, messages } of archives) {
    const are = messages === 1
      ? "1 message that the target did not take is"
      : `${messages} messages that the target did not take are`;
    emit({
      type: "warning",
      message: `${are} kept in ${location} as backup "${backupId}"`,
      hint: mode === "exchange"
        ? "other queues of the same exchange may have taken them: where they did, restore them " +
          "with publish_mode direct-to-queue into the queues that lack them"
        : "when there is room or a queue for them, with the same configuration and mappings: " +
          `restore --path ${location} --backup-id ${backupId} --if-not-empty append`,
    });
  }
}

/** What of a queue that nothing was published to. */
const NOTHING: RestoredQueue = { messages: 0, bytes: 0, leftOut: 0, untimed: 0, undelivered: 0 };

interface Outcome {
  ok: number;
  skipped: number;
  failed: number;
  messages: number;
  bytes: number;
  /** Messages of restored queues that were not chosen. */
  leftOut: number;
  copies: number;
  /** Queues that an earlier run was done with. */
  resumed: number;
}

async function restoreQueues(
  context: RestoreContext,
  options: { targets: readonly Target[]; bindings: Bindings; abort: AbortController },
): Promise<Outcome> {
  const { meter, signal } = context;
  const outcome: Outcome = {
    ok: 0,
    skipped: 0,
    failed: 0,
    messages: 0,
    bytes: 0,
    leftOut: 0,
    copies: 0,
    resumed: 0,
  };
  const targets = inOrder(options.targets);
  meter.queuesTotal = targets.length;
  meter.messagesTotal = targets.reduce((sum, target) => sum + left(target), 0);
  const created = context.exchanges === undefined
    ? new Map<Target, Promise<RestoreQueueRow>>()
    : await createAll(context, { targets, bindings: options.bindings });
  const pool = new PQueue({ concurrency: context.options.max_concurrent_queues });
  let firstFailure: AppError | undefined;
  for (const target of targets) {
    if (target.action === "skip") {
      outcome.skipped++;
      report(context, target, { outcome: "skipped", ...NOTHING, seconds: 0 });
      continue;
    }
    pool.add(async () => {
      if (signal.aborted) return;
      try {
        await restoreOne(context, { target, bindings: options.bindings, created, outcome });
      } catch (error) {
        if (isQueueFailure(error) && !signal.aborted) {
          firstFailure ??= error;
          outcome.failed++;
          meter.errorCount++;
          const messages = takenOf(context, target);
          outcome.messages += messages;
          report(context, target, { outcome: "failed", ...NOTHING, messages, seconds: 0, error });
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

/** Deep queues first: they take longest, and the others fill the gaps. */
function inOrder(targets: readonly Target[]): Target[] {
  return targets.toSorted((a, b) => b.share.atMost - a.share.atMost);
}

async function restoreOne(
  context: RestoreContext,
  options: {
    target: Target;
    bindings: Bindings;
    created: ReadonlyMap<Target, Promise<RestoreQueueRow>>;
    outcome: Outcome;
  },
): Promise<void> {
  const { target, bindings, created, outcome } = options;
  const { entry, destination, share } = target;
  const startedAt = performance.now();
  const position = await (created.get(target) ?? connectedBound(context, { target, bindings }));
  const isNothing = position.done || share.records === 0;
  const restored = isNothing
    ? { ...NOTHING, ...leftOutOf(entry, position) }
    : await (entry.stream === undefined ? restoreQueue : restoreStream)(context, {
      entry,
      destination,
      share,
      depthBefore: target.depth,
      position,
    });
  if (isNothing) context.meter.queuesDone++;
  // Beforehand only the most that there can be is known.
  else {context.meter.messagesTotal -= share.atMost - position.confirmed -
      restored.messages - restored.undelivered;}
  outcome.ok++;
  if (position.done) outcome.resumed++;
  outcome.messages += restored.messages;
  outcome.bytes += restored.bytes;
  outcome.leftOut += restored.leftOut;
  outcome.copies += restored.copies ?? 0;
  report(context, target, {
    outcome: position.done ? "resumed" : "ok",
    ...restored,
    seconds: (performance.now() - startedAt) / 1000,
  });
}

/**
 * Messages that go through exchanges reach any queue: all have to be there before the first of them.
 * A failure is told when its queue's turn comes.
 */
async function createAll(
  context: RestoreContext,
  { targets, bindings }: { targets: readonly Target[]; bindings: Bindings },
): Promise<Map<Target, Promise<RestoreQueueRow>>> {
  const created = new Map<Target, Promise<RestoreQueueRow>>();
  for (const target of targets) {
    if (target.action === "skip") continue;
    const creating = connectedBound(context, { target, bindings });
    created.set(target, creating);
    await creating.catch(() => {});
  }
  return created;
}

/** Creates a queue with its bindings, and waits for a connection that is lost meanwhile. */
function connectedBound(
  context: RestoreContext,
  options: { target: Target; bindings: Bindings },
): Promise<RestoreQueueRow> {
  return context.reconnector.run(options.target.destination.vhost, {
    work: async () => {
      await context.ahead.begin(options.target.entry, context.signal);
      return await createBound(context, options);
    },
    progress: () => 0,
  });
}

function report(
  context: RestoreContext,
  target: Target,
  result: {
    outcome: "ok" | "skipped" | "failed" | "resumed";
    seconds: number;
    error?: AppError;
  } & RestoredQueue,
): void {
  const { entry, destination } = target;
  const isMoved = entry.vhost !== destination.vhost || entry.name !== destination.name;
  const reason = result.error?.message ?? target.reason ?? undeliveredText(result);
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
    ...(isMoved ? { destination: { vhost: destination.vhost, queue: destination.name } } : {}),
    ...(result.undelivered > 0 ? { undelivered: result.undelivered } : {}),
    ...(result.copies === undefined ? {} : { copies: result.copies }),
    ...(result.leftOut > 0 ? { leftOut: result.leftOut } : {}),
    ...(result.untimed > 0 ? { untimed: result.untimed } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function undeliveredText({ undelivered }: RestoredQueue): string | undefined {
  if (undelivered === 0) return undefined;
  return undelivered === 1
    ? "the target did not take 1 message, which is kept apart"
    : `the target did not take ${undelivered} messages, which are kept apart`;
}

/** What the target took of a queue in this call, as far as it is recorded. */
function takenOf({ checkpoint, run }: RestoreContext, { entry, position }: Target): number {
  const row = checkpoint.restoreQueues(run.id).find((each) => queueKey(each) === queueKey(entry));
  const taken = ({ confirmed, undelivered = 0 }: RestoreQueueRow) => confirmed - undelivered;
  return row === undefined ? 0 : Math.max(0, taken(row) - taken(position));
}

/** Errors of one queue; all others (connection, storage) end the run. */
function isQueueFailure(error: unknown): error is AppError {
  return error instanceof AppError &&
    ["failed", "refused", "broker_missing", "broker_denied", "damaged"].includes(error.code);
}

function left({ share, position, action }: Target): number {
  return action === "skip" || position.done ? 0 : share.atMost - position.confirmed;
}

/** Removes segments that a killed restore had fetched. */
function removeFetched(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name !== "lock") Deno.removeSync(join(folder, name), { recursive: true });
  }
}
