import { ManagementClient } from "../../../broker/management/client.ts";
import type { Exchange, Policy } from "../../../broker/management/model.ts";
import type { BrokerEndpoint } from "../../../config/config.ts";
import { alternateOf, policyOfExchange } from "../../../definitions/alternate.ts";
import { AppError } from "../../../errors.ts";
import type { StoredDefinitions } from "../definitions.ts";
import { defaultBinding, type RoutedBinding, type RoutedExchange, Router } from "./router.ts";

/** Exchanges and bindings of some vhosts, and where they are known from. */
export interface Topology {
  /** `target`: what will happen. `backup`: what happened there. `none`: neither could be asked. */
  readonly origin: "target" | "backup" | "none";
  readonly routers: ReadonlyMap<string, Router>;
  /** What is not sure, for a person. */
  readonly notes: readonly string[];
}

/** The exchanges that a definition need not name, as every vhost has them. */
const BUILT_IN: readonly RoutedExchange[] = [
  { name: "", type: "direct", internal: false },
  { name: "amq.direct", type: "direct", internal: false },
  { name: "amq.fanout", type: "fanout", internal: false },
  { name: "amq.topic", type: "topic", internal: false },
  { name: "amq.headers", type: "headers", internal: false },
  { name: "amq.match", type: "headers", internal: false },
];

/** Options of {@linkcode readTopology}. */
export interface TopologyOptions {
  readonly target: BrokerEndpoint;
  readonly vhosts: readonly string[];
  /** Vhosts of these that are not there yet: they will have the exchanges that all have. */
  readonly created: readonly string[];
  /** The backup's definitions, for a target that does not tell. */
  readonly stored: () => Promise<StoredDefinitions | undefined>;
  /** Bindings that the restore makes, by vhost. */
  readonly added: ReadonlyMap<string, readonly RoutedBinding[]>;
  readonly signal: AbortSignal;
}

/** Exchanges and bindings of the target; those of the backup where the target's API does not tell. */
export async function readTopology(options: TopologyOptions): Promise<Topology> {
  const { target, created, stored, added, signal } = options;
  const vhosts = options.vhosts.filter((vhost) => !created.includes(vhost));
  const client = new ManagementClient(target, { retries: 1 });
  const routers = new Map<string, Router>();
  const notes: string[] = [];
  for (const vhost of created) routers.set(vhost, new Router(BUILT_IN, added.get(vhost) ?? []));
  try {
    const policies = await policiesOf(client, { vhosts, signal, notes });
    for (const vhost of vhosts) {
      const exchanges = await client.exchanges({ vhost, signal });
      const bindings = await client.bindings({ vhost, signal });
      routers.set(
        vhost,
        new Router(
          exchanges.map((exchange) => routedExchange(exchange, policies)),
          [...bindings.map(routedBinding), ...added.get(vhost) ?? []],
        ),
      );
    }
    return { origin: "target", routers, notes };
  } catch (error) {
    if (!(error instanceof AppError) || signal.aborted) throw error;
    return storedTopology(options, { definitions: await stored(), why: error.message });
  }
}

/** Without the right to see policies, alternate exchanges that they name are not known. */
async function policiesOf(
  client: ManagementClient,
  options: { vhosts: readonly string[]; signal: AbortSignal; notes: string[] },
): Promise<Policy[]> {
  const { vhosts, signal, notes } = options;
  try {
    const all = await Promise.all(vhosts.map((vhost) => client.policies({ vhost, signal })));
    return all.flat();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "broker_denied") throw error;
    notes.push(
      "alternate exchanges that policies name are not known: listing policies takes the " +
        "tag policymaker or monitoring",
    );
    return [];
  }
}

function storedTopology(
  { vhosts, added }: TopologyOptions,
  { definitions, why }: { definitions: StoredDefinitions | undefined; why: string },
): Topology {
  const routers = new Map<string, Router>();
  for (const vhost of vhosts) {
    const own = <T extends { vhost: string }>(all: readonly T[] = []) =>
      all.filter((one) => one.vhost === vhost);
    const policies = own(definitions?.policies) as Policy[];
    const exchanges = own(definitions?.exchanges).map((exchange) =>
      routedExchange({
        ...exchange,
        internal: exchange.internal ?? false,
        arguments: (exchange.arguments ?? {}) as Record<string, unknown>,
        policy: policyOfExchange(exchange.name, policies)?.name,
      }, policies)
    );
    const bindings = own(definitions?.bindings).map((binding) =>
      routedBinding({ ...binding, arguments: (binding.arguments ?? {}) as Record<string, unknown> })
    );
    // The management API tells these, definitions do not.
    const defaults = own(definitions?.queues).map(({ name }) => defaultBinding(name));
    routers.set(
      vhost,
      new Router(
        [...BUILT_IN, ...exchanges],
        [...defaults, ...bindings, ...added.get(vhost) ?? []],
      ),
    );
  }
  const asked = "the target's exchanges and bindings could not be asked for";
  return definitions === undefined
    ? { origin: "none", routers, notes: [`${asked}, and the backup has none: ${why}`] }
    : {
      origin: "backup",
      routers,
      notes: [`${asked}, so these figures are by those of the backup: ${why}`],
    };
}

function routedExchange(
  exchange: Pick<Exchange, "name" | "type" | "internal" | "arguments" | "policy"> & {
    vhost: string;
  },
  policies: readonly Policy[],
): RoutedExchange {
  const { name, type, internal, vhost } = exchange;
  const policy = policies.find((one) => one.vhost === vhost && one.name === exchange.policy);
  const alternate = alternateOf(exchange, policy);
  return { name, type, internal, ...(alternate === undefined ? {} : { alternate }) };
}

function routedBinding(
  binding: {
    source: string;
    destination: string;
    destination_type: string;
    routing_key: string;
    arguments: Record<string, unknown>;
  },
): RoutedBinding {
  return {
    source: binding.source,
    destination: binding.destination,
    toQueue: binding.destination_type === "queue",
    routingKey: binding.routing_key,
    arguments: binding.arguments,
  };
}
