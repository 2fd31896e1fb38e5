import type { Manifest, QueueEntry } from "../../archive/manifest.ts";
import { type QueueBinding, QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import { AppError } from "../../errors.ts";
import { isRawNumber } from "../../exact_json.ts";
import type { Storage } from "../../storage/storage.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import { quotedNames } from "../names.ts";
import { queueKey } from "../queue_key.ts";
import {
  type DefinedBinding,
  isVoid,
  readForRestore,
  type StoredDefinitions,
} from "./definitions.ts";
import type { QueueName } from "./mapping.ts";
import { endsConnection, type Target } from "./targets.ts";

/** The bindings to queues that a restore creates, by {@linkcode queueKey}; not of those unknown. */
export type Bindings = ReadonlyMap<string, readonly QueueBinding[]>;

/**
 * The bindings of the queues that are created, as the backup's definitions name them. Warns when there
 * are none to look at: the messages are worth restoring all the same.
 */
export async function bindingsOf(
  targets: readonly Target[],
  { manifest, storage, emit }: { manifest: Manifest; storage: Storage; emit: EventSink },
): Promise<Bindings> {
  const created = targets.filter(toBeBound).map(({ entry }) => entry);
  if (created.length === 0) return new Map();
  const unknown = (why: string): Bindings => {
    emit({
      type: "warning",
      message: `The bindings of ${quotedNames(created)} are not known, so they are created ` +
        `without: ${why}`,
      hint: "bind them to their exchanges, or messages that are sent there will not reach them",
    });
    return new Map();
  };
  if (manifest.definitions === null) return unknown("the backup has no definitions");
  try {
    return bindingsTo(created, await readForRestore(storage, manifest));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "damaged") throw error;
    return unknown(error.message);
  }
}

/**
 * Whether bindings are to be made: its queue is created, or was by the run that is gone on with. Not
 * under another name: what is sent to the exchanges is not meant for a copy.
 */
export function toBeBound({ entry, destination, action, position }: Target): boolean {
  if (entry.name !== destination.name) return false;
  return action === "create" || (action === "use" && position.unbound === true);
}

function bindingsTo(created: readonly QueueEntry[], { bindings }: StoredDefinitions): Bindings {
  const byQueue = new Map<string, QueueBinding[]>(created.map((entry) => [queueKey(entry), []]));
  for (const binding of bindings) {
    // The broker binds each queue to the default exchange itself.
    if (binding.destination_type !== "queue" || binding.source === "") continue;
    const key = queueKey({ vhost: binding.vhost, name: binding.destination });
    byQueue.get(key)?.push(bindingOf(binding));
  }
  return byQueue;
}

function bindingOf(binding: DefinedBinding): QueueBinding {
  return {
    exchange: binding.source,
    routingKey: binding.routing_key,
    arguments: typedTable(binding.arguments),
  };
}

/** A table of definitions as amqplib takes it, each number in a type that holds it exactly. */
export function typedTable(table: unknown): Record<string, unknown> {
  // Some versions write an empty table as an empty list, or leave it out.
  if (typeof table !== "object" || table === null || Array.isArray(table)) return {};
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, typed(value)]));
}

function typed(value: unknown): unknown {
  // It asks a headers exchange for a header of whatever value.
  if (isVoid(value)) return null;
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return { "!": "double", value };
    return { "!": value === (value | 0) ? "int" : "long", value };
  }
  if (isRawNumber(value)) {
    const { rawJSON: digits } = value;
    return /^-?\d+$/.test(digits)
      ? { "!": "long", value: BigInt(digits) }
      : { "!": "double", value: Number(digits) };
  }
  if (Array.isArray(value)) return value.map(typed);
  return typeof value === "object" && value !== null ? typedTable(value) : value;
}

/**
 * Makes bindings to a queue. Those that cannot be made are told, and keep nothing else from going on.
 * Returns whether all are there.
 */
export async function bindQueue(
  context: {
    backupId: string;
    connections: ConnectionPool;
    emit: EventSink;
    signal: AbortSignal;
  },
  { entry, destination, bindings }: Pick<Target, "entry" | "destination"> & {
    bindings: Bindings;
  },
): Promise<boolean> {
  const wanted = bindings.get(queueKey(entry));
  if (wanted === undefined) return false;
  let complete = true;
  for (const [exchange, group] of Map.groupBy(wanted, ({ exchange }) => exchange)) {
    context.signal.throwIfAborted();
    const failures = await bindTo(context.connections, { destination, exchange, group });
    for (const [message, failed] of Map.groupBy(failures, ({ error }) => error.message)) {
      complete = false;
      const keys = failed.map(({ binding }) => ({ name: binding.routingKey }));
      context.emit({
        type: "warning",
        vhost: destination.vhost,
        queue: destination.name,
        message: `${message} (routing key ${quotedNames(keys)})`,
        hint: hintFor(failed[0]!.error, context.backupId),
      });
    }
  }
  return complete;
}

interface FailedBinding {
  readonly binding: QueueBinding;
  readonly error: AppError;
}

/** Binds a queue to one exchange; returns what could not be made. */
async function bindTo(
  connections: ConnectionPool,
  options: { destination: QueueName; exchange: string; group: readonly QueueBinding[] },
): Promise<FailedBinding[]> {
  const { destination: { vhost, name }, exchange, group } = options;
  const failures: FailedBinding[] = [];
  try {
    await connections.use(vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      for (const binding of group) {
        try {
          await inspector.bind(name, binding);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          failures.push({ binding, error });
        }
      }
    });
  } catch (error) {
    if (!endsConnection(error, `NOT_FOUND - no exchange '${exchange}' in vhost '${vhost}'`)) {
      throw error;
    }
    const refused = new AppError(
      "broker_missing",
      `Cannot bind queue "${name}" to exchange "${exchange}": there is no such exchange, or the ` +
        "user may not",
      { cause: error },
    );
    return group.map((binding) => ({ binding, error: refused }));
  }
  return failures;
}

/** All but a lost connection. */
function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && error.code !== "broker_unreachable";
}

function hintFor(error: AppError, backupId: string): string {
  if (error.code === "broker_denied" && error.hint !== undefined) return error.hint;
  return `definitions-import --backup-id ${backupId} makes exchanges and bindings, before a restore ` +
    "or after it";
}
