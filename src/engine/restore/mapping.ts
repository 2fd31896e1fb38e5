/** Where the messages of a backup go. */
import { compileMapping, type NameMapper } from "../../config/name_mapping.ts";
import type { RestoreOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { quotedNames } from "../names.ts";

/** A queue, in the backup or in the target. */
export interface QueueName {
  readonly vhost: string;
  readonly name: string;
}

/** Where the messages of a queue go, where that is another one; as events tell it. */
export function movedTo(
  { entry, destination }: { entry: QueueName; destination: QueueName },
): { destination?: { vhost: string; queue: string } } {
  const { vhost, name } = destination;
  return entry.vhost === vhost && entry.name === name
    ? {}
    : { destination: { vhost, queue: name } };
}

/** The most that AMQP 0-9-1 lets a name have, in bytes. */
const MAX_NAME_BYTES = 255;
/** What RabbitMQ calls the default exchange where a name is needed, as in permissions. */
export const DEFAULT_EXCHANGE_NAME = "amq.default";

/** The name of an exchange as configurations have it: the default one has an empty name. */
export function exchangeLabel(name: string): string {
  return name === "" ? DEFAULT_EXCHANGE_NAME : name;
}

/** `restore.vhost_mapping`, `queue_mapping` and `exchange_mapping`, compiled. */
export class RestoreMapping {
  readonly #vhosts: NameMapper;
  readonly #queues: NameMapper;
  readonly #exchanges: NameMapper;
  /** Whether exchanges are mapped, which means something where messages go to exchanges. */
  readonly hasExchanges: boolean;

  /** @throws {AppError} `config` when a pattern cannot be compiled. */
  constructor(
    restore: Pick<RestoreOptions, "vhost_mapping" | "queue_mapping" | "exchange_mapping">,
  ) {
    this.#vhosts = compileMapping(restore.vhost_mapping);
    this.#queues = compileMapping(restore.queue_mapping);
    this.#exchanges = compileMapping(restore.exchange_mapping);
    this.hasExchanges = Object.keys(restore.exchange_mapping).length > 0;
  }

  /**
   * The vhost in the target.
   *
   * @throws {AppError} `config` when it would have no name.
   */
  mapVhost(name: string): string {
    return checked(this.#vhosts.map(name), { kind: "vhost", name });
  }

  /**
   * The queue in the target.
   *
   * @throws {AppError} `config` when its name would be empty or longer than 255 bytes.
   */
  mapQueue({ vhost, name }: QueueName): QueueName {
    const mapped = checked(this.#queues.map(name), { kind: "queue", name });
    return { vhost: this.mapVhost(vhost), name: mapped };
  }

  /**
   * The exchange to publish to in place of `name`; empty is the default one.
   *
   * @throws {AppError} `config` when its name would be longer than 255 bytes.
   */
  mapExchange(name: string): string {
    const mapped = this.#exchanges.map(exchangeLabel(name));
    return mapped === DEFAULT_EXCHANGE_NAME ? "" : checked(mapped, { kind: "exchange", name });
  }

  /** What is wrong with a mapping that has matched nothing, once all queues are mapped. */
  unused(): string[] {
    const told = (key: string, mapper: NameMapper) => {
      const names = mapper.unused().map((name) => ({ name }));
      return names.length === 0 ? [] : [
        `restore.${key}: ${quotedNames(names)} ${names.length === 1 ? "matches" : "match"} ` +
        "nothing of what is restored",
      ];
    };
    return [...told("vhost_mapping", this.#vhosts), ...told("queue_mapping", this.#queues)];
  }
}

function checked(mapped: string, { kind, name }: { kind: string; name: string }): string {
  const bytes = new TextEncoder().encode(mapped).length;
  if (bytes > 0 && bytes <= MAX_NAME_BYTES) return mapped;
  const problem = bytes === 0 ? "the new name is empty" : `the new name has ${bytes} bytes`;
  throw new AppError(
    "config",
    `Cannot map ${kind} ${
      JSON.stringify(name)
    }: ${problem}, and 1 to ${MAX_NAME_BYTES} are possible`,
    { hint: `change restore.${kind}_mapping` },
  );
}
