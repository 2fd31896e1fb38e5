import type { QueueEntry } from "../../archive/manifest.ts";
import { type QueueDepth, QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import type { RestoreOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import { queueKey } from "../queue_key.ts";
import type { StreamTargets } from "../stream/targets.ts";
import { type Declaration, declarationOf } from "./declaration.ts";
import type { QueueName } from "./mapping.ts";
import type { QueueShare } from "./selection.ts";

/** A queue of the backup that is asked for: what of it, and the queue of the target that it goes to. */
export interface Source {
  readonly entry: QueueEntry;
  readonly destination: QueueName;
  /** It is the log of a stream, and goes into one by the stream protocol, as it is. */
  readonly isLog: boolean;
  readonly share: QueueShare;
}

/** What will be done with one queue of the backup. */
export interface Target extends Source {
  readonly action: "create" | "use" | "skip";
  /** Ready messages in the destination. */
  readonly depth: number;
  readonly position: RestoreQueueRow;
  /** How the destination is created. */
  readonly declaration?: Declaration;
  readonly reason?: string;
  readonly hint?: string;
}

/** What {@linkcode planTargets} goes by. */
export interface TargetOptions {
  readonly restore: RestoreOptions;
  readonly connections: ConnectionPool;
  /** What the run that is gone on with has recorded, by the queue in the backup. */
  readonly positions: ReadonlyMap<string, RestoreQueueRow>;
  /** Vhosts that the target lacks. */
  readonly missingVhosts: ReadonlySet<string>;
  readonly streams: StreamTargets;
  readonly signal: AbortSignal;
}

/** Looks at each destination, and decides for the queues that go there. In the order of `sources`. */
export async function planTargets(
  sources: readonly Source[],
  options: TargetOptions,
): Promise<Target[]> {
  const groups = Map.groupBy(sources, ({ destination }) => queueKey(destination));
  const destinations = [...groups.values()].map(([source]) => source!);
  const depths = await depthsOf(destinations, options);
  const planned = new Map<Source, Target>();
  for (const [key, group] of groups) {
    for (const target of planGroup(group, { depth: depths.get(key), options })) {
      const source = group.find(({ entry }) => entry === target.entry)!;
      planned.set(source, target);
    }
  }
  return sources.map((source) => planned.get(source)!);
}

/** Depths of the queues that exist in the target, by {@linkcode queueKey}. */
async function depthsOf(
  sources: readonly Source[],
  { connections, missingVhosts, streams, signal }: TargetOptions,
): Promise<Map<string, QueueDepth>> {
  const depths = new Map<string, QueueDepth>();
  const [forStreams, others] = [true, false].map((isStream) =>
    sources.filter(({ isLog, destination }) =>
      isLog === isStream && !missingVhosts.has(destination.vhost)
    ).map(({ destination }) => destination)
  );
  for (const queue of forStreams!) {
    signal.throwIfAborted();
    const depth = await streams.depth(queue);
    if (depth !== undefined) depths.set(queueKey(queue), depth);
  }
  // One connection a vhost; names of which the broker may end it get one of their own.
  const groups = Map.groupBy(
    others!,
    (queue) => mayEndConnection(refusalText(queue)) ? queueKey(queue) : JSON.stringify(queue.vhost),
  );
  for (const group of groups.values()) {
    signal.throwIfAborted();
    await connections.use(group[0]!.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      for (const queue of group) {
        try {
          depths.set(queueKey(queue), await inspector.depth(queue.name));
        } catch (error) {
          if (!isMissing(error, queue)) throw error;
        }
      }
    });
  }
  return depths;
}

/** Why nothing is restored: a queue is not to be touched, and the configuration says to fail then. */
export function refusalOf(
  targets: readonly Target[],
  { if_not_empty }: RestoreOptions,
): AppError | undefined {
  if (if_not_empty !== "fail") return undefined;
  const [first, ...more] = targets.filter(({ action }) => action === "skip");
  if (first === undefined) return undefined;
  const { destination: { vhost, name }, reason, hint } = first;
  const others = more.length > 0 ? ` (and ${more.length} more)` : "";
  return new AppError(
    "refused",
    `Cannot restore into queue "${name}" of vhost "${vhost}"${others}: ${reason}`,
    hint === undefined ? {} : { hint },
  );
}

/** Decides for all queues of the backup that go to one of the target. */
function planGroup(
  group: readonly Source[],
  { depth, options: { restore, positions, streams } }: {
    depth: QueueDepth | undefined;
    options: TargetOptions;
  },
): Target[] {
  const fresh = ({ entry: { vhost, name } }: Source): RestoreQueueRow => ({
    vhost,
    name,
    confirmed: 0,
    resent: 0,
    unsettled: 0,
    done: false,
  });
  const recordedOf = ({ entry }: Source) => positions.get(queueKey(entry));
  const all = (rest: (source: Source) => Omit<Target, keyof Source>) =>
    group.map((source) => ({ ...source, ...rest(source) }));
  const { isLog, destination } = group[0]!;
  const largest = Math.max(...group.map(({ entry }) => entry.largest_body));
  const barrier = isLog ? streams.obstacleTo(destination, largest) : undefined;
  if (barrier !== undefined) {
    return all((source) => ({
      action: "skip",
      depth: 0,
      position: recordedOf(source) ?? fresh(source),
      ...barrier,
    }));
  }
  // Deleted since the interruption, if there was one: what was restored is gone with it. But what went
  // through exchanges is in other queues as well, and would come twice there.
  const positionOfGone = (source: Source): RestoreQueueRow => {
    const recorded = recordedOf(source);
    return restore.publish_mode === "exchange" && recorded !== undefined && isSent(recorded)
      ? resumedAt(recorded, source)
      : fresh(source);
  };
  if (depth === undefined) {
    if (!restore.create_missing_queues) return all((source) => missing(fresh(source)));
    const declaration = declarationOf(declaredBy(group).entry, restore);
    return all((source) => ({
      action: "create",
      depth: 0,
      position: positionOfGone(source),
      declaration,
    }));
  }
  // Where nothing was sent, what it holds now is from others.
  const sent = group.map(recordedOf).filter((row) => row !== undefined && isSent(row));
  const confirmed = sent.reduce(
    (sum, row) => sum + row!.confirmed - (row!.undelivered ?? 0),
    0,
  );
  const obstacle = obstacleOf(depth, {
    restore,
    // Through exchanges, messages of one queue reach others: what is there says nothing of its own.
    isMixed: restore.publish_mode === "exchange" && positions.size > 0,
    confirmed: sent.length === 0 ? undefined : confirmed,
  });
  return all((source) => {
    const recorded = recordedOf(source);
    if (obstacle !== undefined) {
      return {
        action: "skip",
        depth: depth.ready,
        position: recorded ?? fresh(source),
        ...obstacle,
      };
    }
    const position = recorded !== undefined && isSent(recorded)
      ? resumedAt(recorded, source)
      : recorded ?? fresh(source);
    return { action: "use", depth: depth.ready, position };
  });
}

/** The queue of the backup whose type and arguments count: of several the one of the same name. */
export function declaredBy<S extends Source>(group: readonly S[]): S {
  return group.find(({ entry, destination }) => entry.name === destination.name) ?? group[0]!;
}

function missing(position: RestoreQueueRow): Omit<Target, keyof Source> {
  return {
    action: "skip",
    depth: 0,
    position,
    reason: "it does not exist in the target",
    hint: "set restore.create_missing_queues: true, or import the definitions first",
  };
}

/** Why a queue that exists is not filled; `confirmed` went there before, undefined where none did. */
function obstacleOf(
  { ready, consumers }: QueueDepth,
  { restore: { if_not_empty }, isMixed, confirmed }: {
    restore: RestoreOptions;
    isMixed: boolean;
    confirmed: number | undefined;
  },
): { reason: string; hint: string } | undefined {
  if (if_not_empty === "append" || isMixed) return undefined;
  if (confirmed === undefined) {
    return ready === 0 ? undefined : {
      reason: `it holds ${ready} messages already`,
      hint: if_not_empty === "skip"
        ? "empty it, or choose --if-not-empty append"
        : "empty it, or choose --if-not-empty append or skip",
    };
  }
  return ready >= confirmed || consumers > 0 ? undefined : {
    reason: `it holds ${ready} messages, and ${confirmed} were restored into it before`,
    hint: "were they consumed? then --if-not-empty append goes on behind them; " +
      "was it purged? then delete it, and all is restored again",
  };
}

/**
 * RabbitMQ 4.x (4.0.5 and 4.3.6 tried) cuts the text of a refusal, which holds the names, to 255
 * characters instead of bytes, and cannot send what is longer: it ends the connection with 541.
 */
function mayEndConnection(refusal: string): boolean {
  const text = new TextEncoder().encode(refusal);
  return text.length > 255 && text.some((octet) => octet > 127);
}

function refusalText({ vhost, name }: QueueName): string {
  return `NOT_FOUND - no queue '${name}' in vhost '${vhost}'`;
}

/** Whether the connection was lost because the broker could not send this refusal. */
export function endsConnection(error: unknown, refusal: string): boolean {
  if (!(error instanceof AppError) || error.code !== "broker_unreachable") return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return code === 541 && mayEndConnection(refusal);
}

function isMissing(error: unknown, queue: QueueName): boolean {
  if (error instanceof AppError && error.code === "broker_missing") return true;
  return endsConnection(error, refusalText(queue));
}

/** Whether the target may have messages of it. */
export function isSent({ confirmed, unsettled, resent, done }: RestoreQueueRow): boolean {
  return done || confirmed + unsettled + resent > 0;
}

/** What was sent and not recorded when the run ended may be published twice now. */
export function resumedAt(
  known: RestoreQueueRow,
  { isLog, share: { atMost } }: Pick<Source, "isLog" | "share">,
): RestoreQueueRow {
  if (known.done) return known;
  // A stream's publishing ids keep what is sent again from being there twice.
  const again = isLog ? 0 : Math.min(known.unsettled, atMost - known.confirmed);
  return { ...known, resent: known.resent + again, unsettled: 0 };
}
