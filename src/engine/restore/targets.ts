import type { QueueEntry } from "../../archive/manifest.ts";
import { type QueueDepth, QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import type { Config } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import { queueKey } from "../queue_key.ts";
import type { StreamSurvey } from "../stream/survey.ts";

/** What will be done with one queue of the backup. */
export interface Target {
  readonly entry: QueueEntry;
  readonly action: "create" | "use" | "skip";
  readonly depth: number;
  readonly position: RestoreQueueRow;
  readonly reason?: string;
  readonly hint?: string;
}

/** Looks at each queue in the target. */
export async function planTargets(options: {
  config: Config;
  entries: readonly QueueEntry[];
  connections: ConnectionPool;
  streams: StreamSurvey;
  positions: Map<string, RestoreQueueRow>;
  signal: AbortSignal;
}): Promise<Target[]> {
  const { config, entries, connections, streams, positions, signal } = options;
  const targets: Target[] = [];
  // One connection a vhost; names of which the broker may end it get one of their own.
  const groups = Map.groupBy(
    entries,
    (entry) => mayEndConnection(refusalText(entry)) ? queueKey(entry) : JSON.stringify(entry.vhost),
  );
  for (const queues of groups.values()) {
    signal.throwIfAborted();
    await connections.use(queues[0]!.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      for (const entry of queues) {
        const depths = entry.stream === undefined ? inspector : streams.depthsIn(entry.vhost);
        targets.push(await planTarget(entry, { inspector: depths, config, positions }));
      }
    });
  }
  return targets;
}

/** Why nothing is restored: a queue is not to be touched, and the configuration says to fail then. */
export function refusalOf(targets: readonly Target[], config: Config): AppError | undefined {
  if (config.restore.if_not_empty !== "fail") return undefined;
  const [first, ...more] = targets.filter(({ action }) => action === "skip");
  if (first === undefined) return undefined;
  const { entry: { vhost, name }, reason, hint } = first;
  const others = more.length > 0 ? ` (and ${more.length} more)` : "";
  return new AppError(
    "refused",
    `Cannot restore into queue "${name}" of vhost "${vhost}"${others}: ${reason}`,
    hint === undefined ? {} : { hint },
  );
}

async function planTarget(
  entry: QueueEntry,
  options: {
    inspector: Pick<QueueInspector, "depth">;
    config: Config;
    positions: Map<string, RestoreQueueRow>;
  },
): Promise<Target> {
  const { inspector, config: { restore }, positions } = options;
  const { vhost, name } = entry;
  const recorded = positions.get(queueKey(entry));
  const fresh = { vhost, name, confirmed: 0, resent: 0, unsettled: 0, done: false };
  let depth: QueueDepth;
  try {
    depth = await inspector.depth(name);
  } catch (error) {
    if (entry.stream !== undefined && isUnreachable(error)) {
      return withoutStreamPort(entry, { position: recorded ?? fresh, error });
    }
    if (!isMissing(error, entry)) throw error;
    // Deleted since the interruption, if there was one: what was restored is gone with it.
    if (restore.create_missing_queues) {
      return { entry, action: "create", depth: 0, position: fresh };
    }
    return {
      entry,
      action: "skip",
      depth: 0,
      position: fresh,
      reason: "it does not exist in the target",
      hint: "set restore.create_missing_queues: true, or import the definitions first",
    };
  }
  // Where nothing was sent, what it holds now is from others.
  const known = recorded !== undefined && isSent(recorded) ? recorded : undefined;
  const begun = recorded ?? fresh;
  const skip = (reason: string, hint: string): Target => ({
    entry,
    action: "skip",
    depth: depth.ready,
    position: begun,
    reason,
    hint,
  });
  const append = restore.if_not_empty === "append";
  if (known === undefined) {
    if (depth.ready === 0 || append) {
      return { entry, action: "use", depth: depth.ready, position: begun };
    }
    return skip(
      `it holds ${depth.ready} messages already`,
      restore.if_not_empty === "skip"
        ? "empty it, or choose --if-not-empty append"
        : "empty it, or choose --if-not-empty append or skip",
    );
  }
  if (depth.ready < known.confirmed && depth.consumers === 0 && !append) {
    return skip(
      `it holds ${depth.ready} messages, and ${known.confirmed} were restored into it before`,
      "were they consumed? then --if-not-empty append goes on behind them; " +
        "was it purged? then delete it, and all is restored again",
    );
  }
  return { entry, action: "use", depth: depth.ready, position: resumedAt(known, entry) };
}

/** What is kept of a stream goes back by the stream protocol only. */
function withoutStreamPort(
  entry: QueueEntry,
  { position, error }: { position: RestoreQueueRow; error: AppError },
): Target {
  const { message: reason, hint } = error;
  return {
    entry,
    action: "skip",
    depth: 0,
    position,
    reason,
    hint: `${
      hint === undefined ? "" : `${hint}; or `
    }leave streams out: --type classic --type quorum`,
  };
}

function isUnreachable(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "broker_unreachable";
}

/**
 * RabbitMQ 4.x (4.0.5 and 4.3.6 tried) cuts the text of a refusal, which holds the names, to 255
 * characters instead of bytes, and cannot send what is longer: it ends the connection with 541.
 */
function mayEndConnection(refusal: string): boolean {
  const text = new TextEncoder().encode(refusal);
  return text.length > 255 && text.some((octet) => octet > 127);
}

function refusalText({ vhost, name }: QueueEntry): string {
  return `NOT_FOUND - no queue '${name}' in vhost '${vhost}'`;
}

/** Whether the connection was lost because the broker could not send this refusal. */
export function endsConnection(error: unknown, refusal: string): boolean {
  if (!(error instanceof AppError) || error.code !== "broker_unreachable") return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return code === 541 && mayEndConnection(refusal);
}

function isMissing(error: unknown, entry: QueueEntry): boolean {
  if (error instanceof AppError && error.code === "broker_missing") return true;
  return endsConnection(error, refusalText(entry));
}

function isSent({ confirmed, unsettled, resent, done }: RestoreQueueRow): boolean {
  return done || confirmed + unsettled + resent > 0;
}

/** What was sent and not recorded when the run ended may be published twice now. */
function resumedAt(known: RestoreQueueRow, entry: QueueEntry): RestoreQueueRow {
  if (known.done) return known;
  // A stream's publishing ids keep what is sent again from being there twice.
  const again = entry.stream === undefined
    ? Math.min(known.unsettled, entry.message_count - known.confirmed)
    : 0;
  return { ...known, resent: known.resent + again, unsettled: 0 };
}
