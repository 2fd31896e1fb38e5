import { compileName, type NameMatcher } from "../config/name_pattern.ts";
import { didYouMean } from "../config/nearest.ts";
import { AppError } from "../errors.ts";
import { alternateOf, policyOfExchange } from "./alternate.ts";
import {
  type DefinedObject,
  type Definitions,
  filtered,
  type Kind,
  objectsOf,
  VHOST_KINDS,
} from "./document.ts";

/** Which definitions are meant; patterns of names as in `queues.include`. Nothing means all. */
export interface DefinitionsSelection {
  /** Alone: all that these vhosts hold. With the others: where these are looked for. */
  readonly vhosts: readonly string[];
  readonly queues: readonly string[];
  readonly exchanges: readonly string[];
  /** The users that have permissions in the selected vhosts come along. */
  readonly users: boolean;
}

/** Whether a selection leaves nothing out. */
export function selectsAll(selection: DefinitionsSelection): boolean {
  return selection.vhosts.length + selection.queues.length + selection.exchanges.length === 0;
}

/**
 * Leaves of definitions what is selected.
 *
 * - Vhosts alone: all that is in them, with permissions, policies and parameters.
 * - Queues: with the exchanges from which messages reach them, also through other exchanges and as
 *   what those have for messages without a binding (alternate exchanges, by argument or policy), and
 *   the bindings on that way.
 * - Exchanges: with the bindings whose both ends are selected, or come along with a queue.
 *
 * What is of the whole cluster stays out; so do users, unless `users` says otherwise. A vhost of
 * which something is left comes along.
 *
 * @param vhost stands for the vhost of objects that name none
 * @throws AppError `usage` when a pattern matches nothing, `config` when one is none
 */
export function selectDefinitions(
  definitions: Definitions,
  selection: DefinitionsSelection,
  vhost?: string,
): Definitions {
  if (selectsAll(selection)) return definitions;
  const scope = new Scope(definitions, { selection, vhost });
  if (selection.queues.length + selection.exchanges.length === 0) {
    return scope.wholeVhosts();
  }
  return scope.routes();
}

interface Scoped {
  readonly selection: DefinitionsSelection;
  readonly vhost: string | undefined;
}

class Scope {
  readonly #definitions: Definitions;
  readonly #selection: DefinitionsSelection;
  readonly #vhost: string | undefined;
  readonly #inVhosts: NameMatcher;

  constructor(definitions: Definitions, { selection, vhost }: Scoped) {
    this.#definitions = definitions;
    this.#selection = selection;
    this.#vhost = vhost;
    const known = new Set([
      ...objectsOf(definitions, "vhosts").map(({ name }) => String(name)),
      ...VHOST_KINDS.flatMap((kind) =>
        objectsOf(definitions, kind).map((object) => this.#vhostOf(object))
      ),
    ]);
    const matches = compiled("vhost", selection.vhosts, known);
    this.#inVhosts = (name) => selection.vhosts.length === 0 || matches(name);
  }

  wholeVhosts(): Definitions {
    const inside = filtered(
      this.#definitions,
      (kind, object) => isOf(kind) && this.#inVhosts(this.#vhostOf(object, kind)),
    );
    if (!this.#selection.users) return inside;
    const named = new Set(
      [...objectsOf(inside, "permissions"), ...objectsOf(inside, "topic_permissions")]
        .map(({ user }) => user),
    );
    const users = objectsOf(this.#definitions, "users").filter(({ name }) => named.has(name));
    return { ...inside, users };
  }

  /** Selected queues and exchanges, and what leads messages to the queues. */
  routes(): Definitions {
    const queues = this.#named("queues");
    const bindings = objectsOf(this.#definitions, "bindings");
    const exchanges = this.#named("exchanges");
    for (const key of this.#leadingTo(queues)) exchanges.add(key);
    const kept = bindings.filter((binding) => {
      const destination = this.#keyOf(binding, binding.destination);
      return exchanges.has(this.#keyOf(binding, binding.source)) &&
        (binding.destination_type === "queue" ? queues : exchanges).has(destination);
    });
    const keptBindings = new Set(kept);
    const vhosts = new Set([...queues, ...exchanges].map((key) => key.split("\0", 1)[0]));
    return filtered(this.#definitions, (kind, object) => {
      switch (kind) {
        case "vhosts":
          return vhosts.has(String(object.name));
        case "queues":
          return queues.has(this.#keyOf(object, object.name));
        case "exchanges":
          return exchanges.has(this.#keyOf(object, object.name));
        case "bindings":
          return keptBindings.has(object);
        default:
          return false;
      }
    });
  }

  /** Keys of the queues or exchanges that the selection names. */
  #named(kind: "queues" | "exchanges"): Set<string> {
    const all = [
      ...objectsOf(this.#definitions, kind).map((object) => ({ object, name: object.name })),
      // Those that every vhost has are not among the definitions.
      ...kind === "exchanges"
        ? objectsOf(this.#definitions, "bindings").flatMap((object) => [
          { object, name: object.source },
          ...object.destination_type === "exchange" ? [{ object, name: object.destination }] : [],
        ])
        : [],
    ].filter(({ object }) => this.#inVhosts(this.#vhostOf(object)));
    const names = new Set(all.map(({ name }) => String(name)));
    const matches = compiled(kind.slice(0, -1), this.#selection[kind], names);
    return new Set(
      all.filter(({ name }) => matches(String(name)))
        .map(({ object, name }) => this.#keyOf(object, name)),
    );
  }

  /** Keys of all exchanges from which messages reach one of the queues. */
  #leadingTo(queues: ReadonlySet<string>): Set<string> {
    const sources = this.#alternatesOf();
    const found = new Set<string>();
    const pending: string[] = [];
    const reach = (key: string) => {
      if (found.has(key)) return;
      found.add(key);
      pending.push(key);
    };
    for (const binding of objectsOf(this.#definitions, "bindings")) {
      const source = this.#keyOf(binding, binding.source);
      const destination = this.#keyOf(binding, binding.destination);
      if (binding.destination_type === "queue") {
        if (queues.has(destination)) reach(source);
      } else if (sources.get(destination)?.push(source) === undefined) {
        sources.set(destination, [source]);
      }
    }
    for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
      sources.get(key)?.forEach(reach);
    }
    return found;
  }

  /** Keys of the exchanges that have an exchange as their alternate one, by its key. */
  #alternatesOf(): Map<string, string[]> {
    const policies = Map.groupBy(
      objectsOf(this.#definitions, "policies"),
      (policy) => this.#vhostOf(policy),
    );
    const sources = new Map<string, string[]>();
    for (const exchange of objectsOf(this.#definitions, "exchanges")) {
      const inVhost = policies.get(this.#vhostOf(exchange)) ?? [];
      const policy = policyOfExchange(String(exchange.name), inVhost);
      const alternate = alternateOf(exchange, policy);
      if (alternate === undefined) continue;
      const key = this.#keyOf(exchange, alternate);
      sources.set(key, [...sources.get(key) ?? [], this.#keyOf(exchange, exchange.name)]);
    }
    return sources;
  }

  #vhostOf(object: DefinedObject, kind?: Kind): string {
    return String((kind === "vhosts" ? object.name : object.vhost) ?? this.#vhost ?? "");
  }

  #keyOf(object: DefinedObject, name: unknown): string {
    return `${this.#vhostOf(object)}\0${name}`;
  }
}

function isOf(kind: Kind): boolean {
  return kind === "vhosts" || VHOST_KINDS.includes(kind);
}

/** A matcher of names of which every pattern matches one at least. */
function compiled(
  what: string,
  patterns: readonly string[],
  names: ReadonlySet<string>,
): NameMatcher {
  const matchers = patterns.map((pattern) => ({ pattern, matches: compileName(pattern) }));
  const all = [...names];
  const idle = matchers.filter(({ matches }) => !all.some(matches)).map(({ pattern }) => pattern);
  if (idle.length > 0) {
    const shown = idle.map((pattern) => JSON.stringify(pattern)).join(", ");
    const near = idle.length === 1 ? didYouMean(idle[0]!, names) : "";
    throw new AppError("usage", `Cannot select definitions: no ${what} matches ${shown}${near}`, {
      hint: `Correct or leave out what selects by ${what}; nothing has been changed`,
    });
  }
  return (name) => matchers.some(({ matches }) => matches(name));
}
