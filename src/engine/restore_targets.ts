import type { QueueEntry } from "../archive/manifest.ts";
import { type QueueDepth, QueueInspector } from "../broker/amqp/queue_inspector.ts";
import type { RestoreQueueRow } from "../checkpoint/rows.ts";
import type { Config } from "../config/config.ts";
import { AppError } from "../errors.ts";
import type { ConnectionPool } from "./connection_pool.ts";
import { queueKey } from "./queue_key.ts";

/** What will be done with one queue of the backup. */
export interface Target {
  readonly entry: QueueEntry;
  readonly action: "create" | "use" | "skip";
  readonly depth: number;
  readonly position: RestoreQueueRow;
  readonly reason?: string;
  readonly hint?: string;
}

/**
 * Looks at each queue in the target. Throws `refused` when one is not to be touched and the
 * configuration says to fail then, unless `keepGoing`.
 */
export async function planTargets(options: {
  config: Config;
  entries: readonly QueueEntry[];
  connections: ConnectionPool;
  positions: Map<string, RestoreQueueRow>;
  signal: AbortSignal;
  keepGoing?: boolean;
}): Promise<Target[]> {
  const { config, entries, connections, positions, signal } = options;
  const targets: Target[] = [];
  // One connection a vhost; names of which the broker may end it get one of their own.
  const groups = Map.groupBy(
    entries,
    (entry) => mayEndConnection(entry) ? queueKey(entry) : JSON.stringify(entry.vhost),
  );
  for (const queues of groups.values()) {
    signal.throwIfAborted();
    await connections.use(queues[0]!.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      for (const entry of queues) {
        targets.push(await planTarget(entry, { inspector, config, positions }));
      }
    });
  }
  const refused = targets.filter(({ action, reason }) =>
    action === "skip" && reason !== undefined && config.restore.if_not_empty === "fail"
  );
  if (refused.length > 0 && !options.keepGoing) {
    const first = refused[0]!;
    const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
    throw new AppError(
      "refused",
      `Cannot restore into queue "${first.entry.name}" of vhost "${first.entry.vhost}"${more}: ` +
        first.reason,
      first.hint === undefined ? {} : { hint: first.hint },
    );
  }
  return targets;
}

async function planTarget(
  entry: QueueEntry,
  options: {
    inspector: QueueInspector;
    config: Config;
    positions: Map<string, RestoreQueueRow>;
  },
): Promise<Target> {
  const { inspector, config: { restore }, positions } = options;
  const { vhost, name } = entry;
  const known = positions.get(queueKey(entry));
  const fresh = { vhost, name, confirmed: 0, resent: 0, unsettled: 0, done: false };
  let depth: QueueDepth;
  try {
    depth = await inspector.depth(name);
  } catch (error) {
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
  const skip = (reason: string, hint: string): Target => ({
    entry,
    action: "skip",
    depth: depth.ready,
    position: known ?? fresh,
    reason,
    hint,
  });
  const append = restore.if_not_empty === "append";
  if (known === undefined) {
    if (depth.ready === 0 || append) {
      return { entry, action: "use", depth: depth.ready, position: fresh };
    }
    return skip(
      `it holds ${depth.ready} messages already`,
      "empty it, or choose --if-not-empty append or skip",
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

/**
 * RabbitMQ 4.x (4.0.5 and 4.3.6 tried) cuts the text of a refusal, which holds the names, to 255
 * characters instead of bytes, and cannot send what is longer: it ends the connection with 541.
 */
function mayEndConnection({ vhost, name }: QueueEntry): boolean {
  const text = new TextEncoder().encode(`NOT_FOUND - no queue '${name}' in vhost '${vhost}'`);
  return text.length > 255 && text.some((octet) => octet > 127);
}

function isMissing(error: unknown, entry: QueueEntry): boolean {
  if (!(error instanceof AppError)) return false;
  if (error.code === "broker_missing") return true;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return error.code === "broker_unreachable" && code === 541 && mayEndConnection(entry);
}

/** What was sent and not recorded when the run ended may be published twice now. */
function resumedAt(known: RestoreQueueRow, entry: QueueEntry): RestoreQueueRow {
  if (known.done) return known;
  const again = Math.min(known.unsettled, entry.message_count - known.confirmed);
  return { ...known, resent: known.resent + again, unsettled: 0 };
}
