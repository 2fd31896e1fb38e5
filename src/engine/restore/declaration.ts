import type { Options } from "amqplib";
import type { QueueEntry } from "../../archive/manifest.ts";
import type { QueueType, RestoreOptions } from "../../config/config.ts";
import { compileNames } from "../../config/name_pattern.ts";
import { isRawNumber } from "../../exact_json.ts";

/** How a missing queue is created. */
export interface Declaration {
  readonly queueType: string;
  readonly options: Options.AssertQueue;
  /** In what it differs from the queue in the backup, for people. */
  readonly changes: readonly string[];
}

/** Arguments that one of RabbitMQ 3.10, 4.0 and 4.3 refuses for one type and takes for the other. */
const ONLY_CLASSIC = [
  "x-max-priority",
  "x-queue-mode",
  "x-queue-version",
  "x-queue-master-locator",
];
const ONLY_QUORUM = [
  "x-delivery-limit",
  "x-quorum-initial-group-size",
  "x-quorum-target-group-size",
  "x-dead-letter-strategy",
  "x-max-in-memory-length",
  "x-max-in-memory-bytes",
  "x-queue-leader-locator",
  "x-consumer-timeout",
  "x-consumer-disconnected-timeout",
  "x-delayed-retry-type",
  "x-delayed-retry-min",
  "x-delayed-retry-max",
];
const ONLY_STREAM = [
  "x-max-age",
  "x-stream-max-segment-size-bytes",
  "x-stream-filter-size-bytes",
  "x-initial-cluster-size",
];
const NOT_STREAM = [
  "x-expires",
  "x-message-ttl",
  "x-dead-letter-exchange",
  "x-dead-letter-routing-key",
  "x-max-length",
  "x-overflow",
  "x-single-active-consumer",
];
const OF_OTHER_TYPE: Readonly<Record<string, readonly string[]>> = {
  classic: [...ONLY_QUORUM, ...ONLY_STREAM],
  quorum: [...ONLY_CLASSIC, ...ONLY_STREAM],
  // Streams take a leader locator, too.
  stream: [
    ...ONLY_CLASSIC,
    ...ONLY_QUORUM.filter((name) => name !== "x-queue-leader-locator"),
    ...NOT_STREAM,
  ],
};
const NAMES: Readonly<Record<string, string>> = {
  classic: "classic queues",
  quorum: "quorum queues",
  stream: "streams",
};

/** How a missing queue is declared: as it was, its type said in any case, unless asked otherwise. */
export function declarationOf(
  entry: QueueEntry,
  { queue_type_mapping, drop_queue_arguments }: Pick<
    RestoreOptions,
    "queue_type_mapping" | "drop_queue_arguments"
  >,
): Declaration {
  const { queue_type: type } = entry;
  const newType = mappedType(type, queue_type_mapping);
  const isDropped = compileNames({ include: drop_queue_arguments });
  const changes: string[] = newType === type ? [] : [`created as ${newType} instead of ${type}`];
  const kept = Object.entries(entry.arguments).filter(([name, value]) => {
    if (name === "x-queue-type") return newType === type;
    if (drop_queue_arguments.length > 0 && isDropped(name)) {
      changes.push(`without ${name}, as restore.drop_queue_arguments says`);
      return false;
    }
    if (newType === type || !isRefused({ name, value }, newType)) return true;
    changes.push(`without ${name}, which ${NAMES[newType]} do not take`);
    return false;
  });
  const isMadeDurable = newType !== type && newType !== "classic";
  if (isMadeDurable && !entry.durable) changes.push(`durable, as all ${NAMES[newType]} are`);
  if (isMadeDurable && entry.auto_delete) changes.push("kept when its consumers go");
  return {
    queueType: newType,
    options: {
      durable: entry.durable || isMadeDurable,
      autoDelete: entry.auto_delete && !isMadeDurable,
      arguments: {
        ...(newType === "classic" && newType === type ? {} : { "x-queue-type": newType }),
        ...plainNumbers(Object.fromEntries(kept)),
      },
    },
    changes,
  };
}

/** The type in which a queue is created. */
export function mappedType(
  type: string,
  mapping: RestoreOptions["queue_type_mapping"],
): string {
  return isMappable(type) ? mapping[type] ?? type : type;
}

function isMappable(type: string): type is QueueType {
  return type in NAMES;
}

function isRefused({ name, value }: { name: string; value: unknown }, type: string): boolean {
  return (OF_OTHER_TYPE[type] ?? []).includes(name) ||
    (type === "quorum" && name === "x-overflow" && value === "reject-publish-dlx");
}

function plainNumbers(table: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([key, value]) => [
      key,
      isRawNumber(value) ? Number(value.rawJSON) : value,
    ]),
  );
}
