import PQueue from "p-queue";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import type { AppError } from "../../errors.ts";
import { counted, isOrAre } from "../names.ts";
import { isQueueFailure } from "../queue_failure.ts";
import { restoreStream } from "../stream/restore.ts";
import { movedTo } from "./mapping.ts";
import type { Bindings } from "./bindings.ts";
import { createBound } from "./create.ts";
import type { RestoreContext, RestoredQueue, Taken } from "./context.ts";
import { leftOutOf, restoreQueue } from "./queue.ts";
import type { Target } from "./targets.ts";

/** What of a queue that nothing was published to. */
const NOTHING: RestoredQueue = { messages: 0, bytes: 0, leftOut: 0, untimed: 0, undelivered: 0 };

const nothingTaken = (): Taken => ({ messages: 0, bytes: 0, undelivered: 0 });

/** What came of all queues. */
export interface RestoreOutcome {
  ok: number;
  skipped: number;
  failed: number;
  messages: number;
  bytes: number;
  /** Messages of restored queues that were not chosen. */
  leftOut: number;
  copies: number;
  unsureCopies: number;
  /** Queues that an earlier run was done with. */
  resumed: number;
}

/**
 * Restores several queues at once. What fails for one queue's sake is told, and the others go on.
 *
 * @throws {AppError} what ends the run, or the first failure where no queue came through
 */
export async function restoreQueues(
  context: RestoreContext,
  options: { targets: readonly Target[]; bindings: Bindings; abort: AbortController },
): Promise<RestoreOutcome> {
  const { meter, signal } = context;
  const outcome: RestoreOutcome = {
    ok: 0,
    skipped: 0,
    failed: 0,
    messages: 0,
    bytes: 0,
    leftOut: 0,
    copies: 0,
    unsureCopies: 0,
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
      const taken = nothingTaken();
      try {
        await restoreOne(context, { target, bindings: options.bindings, created, taken, outcome });
      } catch (error) {
        if (isQueueFailure(error, ["damaged"]) && !signal.aborted) {
          firstFailure ??= error;
          outcome.failed++;
          meter.errorCount++;
          count(outcome, taken);
          report(context, target, { outcome: "failed", ...NOTHING, ...taken, seconds: 0, error });
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
export function inOrder(targets: readonly Target[]): Target[] {
  return targets.toSorted((a, b) => b.share.atMost - a.share.atMost);
}

async function restoreOne(
  context: RestoreContext,
  options: {
    target: Target;
    bindings: Bindings;
    created: ReadonlyMap<Target, Promise<RestoreQueueRow>>;
    taken: Taken;
    outcome: RestoreOutcome;
  },
): Promise<void> {
  const { target, bindings, created, taken, outcome } = options;
  const { entry, destination, isLog, share } = target;
  const startedAt = performance.now();
  const position = await (created.get(target) ?? connectedBound(context, { target, bindings }));
  const isNothing = position.done || share.records === 0;
  const restored = isNothing
    ? { ...NOTHING, ...leftOutOf(entry, position) }
    : await (isLog ? restoreStream : restoreQueue)(context, {
      entry,
      destination,
      isLog,
      share,
      depthBefore: target.depth,
      position,
      taken,
    });
  if (isNothing) context.meter.queuesDone++;
  // Beforehand only the most that there can be is known.
  else context.meter.messagesTotal -= share.atMost - position.confirmed - restored.messages;
  outcome.ok++;
  if (position.done) outcome.resumed++;
  count(outcome, restored);
  outcome.leftOut += restored.leftOut;
  report(context, target, {
    outcome: position.done ? "resumed" : "ok",
    ...restored,
    seconds: (performance.now() - startedAt) / 1000,
  });
}

function count(outcome: RestoreOutcome, taken: Taken): void {
  outcome.messages += taken.messages;
  outcome.bytes += taken.bytes;
  outcome.copies += taken.copies ?? 0;
  outcome.unsureCopies += taken.unsureCopies ?? 0;
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
  const { entry } = target;
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
    ...movedTo(target),
    ...(result.undelivered > 0 ? { undelivered: result.undelivered } : {}),
    ...(result.copies === undefined ? {} : { copies: result.copies }),
    ...(result.leftOut > 0 ? { leftOut: result.leftOut } : {}),
    ...(result.untimed > 0 ? { untimed: result.untimed } : {}),
    ...(result.losses === undefined ? {} : { losses: result.losses }),
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function undeliveredText({ undelivered }: RestoredQueue): string | undefined {
  if (undelivered === 0) return undefined;
  return `the target did not take ${counted(undelivered, "message")}, ` +
    `which ${isOrAre(undelivered)} kept apart`;
}

function left({ share, position, action }: Target): number {
  return action === "skip" || position.done ? 0 : share.atMost - position.confirmed;
}
