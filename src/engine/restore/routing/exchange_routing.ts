import { AppError } from "../../../errors.ts";
import { decodeProperties, headerValue } from "../../../message/properties.ts";
import type { MessageHead } from "../../../message/message.ts";
import type { Routed } from "../publishing.ts";
import type { RestoreMapping } from "../mapping.ts";
import type { Reach, Router } from "./router.ts";

const utf8 = new TextDecoder();
const encoder = new TextEncoder();
/** Headers whose values are further routing keys (https://www.rabbitmq.com/docs/sender-selected). */
const KEY_HEADERS = ["CC", "BCC"];

/** Why messages of an exchange cannot be published to it. */
export type Closed = "missing" | "internal";

/** Where the messages of all queues go that are restored through their exchanges. */
export class ExchangeRouting {
  readonly #routers: ReadonlyMap<string, Router>;
  readonly #closed: ReadonlyMap<string, ReadonlyMap<string, Closed>>;
  readonly #mapping: RestoreMapping;

  /** `closed`: exchanges that take no message from clients, by vhost. */
  constructor(
    routers: ReadonlyMap<string, Router>,
    { closed, mapping }: {
      closed: ReadonlyMap<string, ReadonlyMap<string, Closed>>;
      mapping: RestoreMapping;
    },
  ) {
    this.#routers = routers;
    this.#closed = closed;
    this.#mapping = mapping;
  }

  /** For one queue of a vhost. */
  of(vhost: string): QueueRouting {
    return new QueueRouting(this.#routers.get(vhost), {
      closed: this.#closed.get(vhost) ?? new Map(),
      mapping: this.#mapping,
    });
  }
}

/** Where the messages of one queue go, and how many they become. */
export class QueueRouting {
  readonly #router: Router | undefined;
  readonly #closed: ReadonlyMap<string, Closed>;
  readonly #mapping: RestoreMapping;
  /** Exchanges as messages have them, and as they are called in the target. */
  readonly #mapped = new Map<string, { name: string; bytes: Uint8Array }>();
  #refused: { exchange: string; closed: Closed } | undefined;

  constructor(
    router: Router | undefined,
    { closed, mapping }: { closed: ReadonlyMap<string, Closed>; mapping: RestoreMapping },
  ) {
    this.#router = router;
    this.#closed = closed;
    this.#mapping = mapping;
  }

  /** Undefined when its exchange takes no messages; why says {@linkcode refusal}. */
  destination(
    { exchange, routingKey, properties }: MessageHead,
  ): Routed | undefined {
    const { name, bytes } = this.#inTarget(utf8.decode(exchange));
    // Through the default exchange it came straight to its queue.
    if (exchange.length === 0 && name === "") return { to: "direct", copies: 1 };
    const closed = this.#closed.get(name);
    if (closed !== undefined) {
      this.#refused = { exchange: name, closed };
      return undefined;
    }
    const reach = reachOf(this.#router, name, { routingKey, properties });
    return { to: { exchange: bytes, routingKey }, copies: reach?.length ?? 0 };
  }

  #inTarget(exchange: string): { name: string; bytes: Uint8Array } {
    let mapped = this.#mapped.get(exchange);
    if (mapped === undefined) {
      const name = this.#mapping.mapExchange(exchange);
      this.#mapped.set(exchange, mapped = { name, bytes: encoder.encode(name) });
    }
    return mapped;
  }

  /** Why the last message had no destination. */
  refusal(): AppError {
    const { exchange, closed } = this.#refused!;
    return new AppError(
      "broker_missing",
      `Cannot publish to exchange "${exchange}": ` +
        (closed === "missing" ? "there is no such exchange" : "it is internal"),
      { hint: "import the definitions first, or restore with publish_mode direct-to-queue" },
    );
  }
}

/** The queues that a message reaches through its exchange; undefined when bindings do not tell. */
export function reachOf(
  router: Router | undefined,
  exchange: string,
  { routingKey, properties }: Pick<MessageHead, "routingKey" | "properties">,
): Reach {
  return router?.route({
    exchange,
    keys: [utf8.decode(routingKey), ...furtherKeys(properties)],
    headers: () => decodeProperties(properties).headers ?? [],
  });
}

function furtherKeys(properties: Uint8Array): string[] {
  return KEY_HEADERS.flatMap((name) => {
    const header = headerValue(properties, name);
    if (header?.tag !== "A") return [];
    return header.value.flatMap((key) => key.tag === "S" ? [utf8.decode(key.value)] : []);
  });
}
