import type { FieldTable } from "../../../message/field_table.ts";
import { headersMatch } from "./headers_match.ts";
import { topicMatches, topicWords } from "./topic.ts";

/** An exchange as far as routing goes. */
export interface RoutedExchange {
  readonly name: string;
  readonly type: string;
  /** Clients may not publish to it. */
  readonly internal: boolean;
  /** The exchange that gets what has no binding here. */
  readonly alternate?: string | undefined;
}

/** A binding from an exchange to a queue or to another exchange; each queue has one to the default exchange. */
export interface RoutedBinding {
  readonly source: string;
  readonly destination: string;
  readonly toQueue: boolean;
  readonly routingKey: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A message as far as routing goes. */
export interface RoutedMessage {
  readonly exchange: string;
  /** The routing key, and those of CC and BCC. */
  readonly keys: readonly string[];
  /** Asked for only where a headers exchange takes part. */
  readonly headers: () => FieldTable;
}

/** The binding to the default exchange that each queue has. */
export function defaultBinding(queue: string): RoutedBinding {
  return { source: "", destination: queue, toQueue: true, routingKey: queue, arguments: {} };
}

/** The queues that a message reaches; undefined when bindings do not tell. */
export type Reach = readonly string[] | undefined;

/** Results that are kept, by exchange and keys. */
const CACHE_SIZE = 10_000;

/** Tells which queues of a vhost a message reaches, by exchanges and bindings. */
export class Router {
  readonly #exchanges: ReadonlyMap<string, RoutedExchange>;
  readonly #bindings: ReadonlyMap<string, readonly CompiledBinding[]>;
  readonly #byHeaders = new Map<string, boolean>();
  readonly #cache = new Map<string, Reach>();

  constructor(exchanges: readonly RoutedExchange[], bindings: readonly RoutedBinding[]) {
    this.#exchanges = new Map(exchanges.map((exchange) => [exchange.name, exchange]));
    const compiled = bindings.map((binding) => ({
      ...binding,
      words: topicWords(binding.routingKey),
    }));
    this.#bindings = Map.groupBy(compiled, ({ source }) => source);
  }

  exchange(name: string): RoutedExchange | undefined {
    return this.#exchanges.get(name);
  }

  route(message: RoutedMessage): Reach {
    if (this.#takesHeaders(message.exchange)) return this.#walk(message);
    const key = JSON.stringify([message.exchange, message.keys]);
    if (this.#cache.has(key)) return this.#cache.get(key);
    const reach = this.#walk(message);
    if (this.#cache.size >= CACHE_SIZE) this.#cache.clear();
    this.#cache.set(key, reach);
    return reach;
  }

  /** Each exchange routes once, and each queue gets one copy, over however many ways. */
  #walk(message: RoutedMessage): Reach {
    const queues = new Set<string>();
    const seen = new Set([message.exchange]);
    // Grows while it is walked through.
    for (const name of seen) {
      const exchange = this.#exchanges.get(name);
      // An exchange that another names and that is gone takes nothing.
      if (exchange === undefined && name !== message.exchange) continue;
      const found = exchange && this.#destinations(exchange, message);
      if (found === undefined) return undefined;
      for (const { toQueue, destination } of found) (toQueue ? queues : seen).add(destination);
      if (found.length === 0 && exchange?.alternate !== undefined) seen.add(exchange.alternate);
    }
    return [...queues];
  }

  /** Undefined for types of exchanges that choose by more than bindings. */
  #destinations(
    { name, type }: RoutedExchange,
    { exchange, keys, headers }: RoutedMessage,
  ): readonly CompiledBinding[] | undefined {
    // The default exchange as an alternate one: tried on 3.10 and 4.3, it routes nothing then.
    if (name === "" && exchange !== "") return [];
    const bindings = this.#bindings.get(name) ?? [];
    switch (type) {
      case "fanout":
        return bindings;
      case "direct":
        return bindings.filter(({ routingKey }) => keys.includes(routingKey));
      case "topic": {
        const all = keys.map(topicWords);
        return bindings.filter(({ words }) => all.some((one) => topicMatches(words, one)));
      }
      case "headers": {
        if (bindings.length === 0) return [];
        const table = headers();
        const matched = bindings.map((binding) => headersMatch(binding.arguments, table));
        if (matched.includes(undefined)) return undefined;
        return bindings.filter((_, index) => matched[index]);
      }
      default:
        return undefined;
    }
  }

  /** Whether what this exchange does with a message may depend on its headers. */
  #takesHeaders(exchange: string): boolean {
    const known = this.#byHeaders.get(exchange);
    if (known !== undefined) return known;
    const seen = new Set([exchange]);
    for (const name of seen) {
      const bindings = this.#bindings.get(name) ?? [];
      for (const { toQueue, destination } of bindings) if (!toQueue) seen.add(destination);
      const alternate = this.#exchanges.get(name)?.alternate;
      if (alternate !== undefined) seen.add(alternate);
    }
    const does = [...seen].some((name) => this.#exchanges.get(name)?.type === "headers");
    this.#byHeaders.set(exchange, does);
    return does;
  }
}

interface CompiledBinding extends RoutedBinding {
  readonly words: readonly string[];
}
