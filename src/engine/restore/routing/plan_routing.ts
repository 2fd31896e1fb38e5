import { QueueInspector } from "../../../broker/amqp/queue_inspector.ts";
import type { Manifest } from "../../../archive/manifest.ts";
import { type Config, requireTarget } from "../../../config/config.ts";
import type { AppError } from "../../../errors.ts";
import type { Storage } from "../../../storage/storage.ts";
import type { ConnectionPool } from "../../connection_pool.ts";
import { queueKey } from "../../queue_key.ts";
import type { Bindings } from "../bindings.ts";
import { readIfWhole } from "../definitions.ts";
import type { RestoreMapping } from "../mapping.ts";
import type { MessageSelection } from "../selection.ts";
import type { Target } from "../targets.ts";
import { type Closed, ExchangeRouting } from "./exchange_routing.ts";
import { FanoutCount, type FanoutPlan, fanoutRefusal } from "./fanout.ts";
import { defaultBinding, type RoutedBinding } from "./router.ts";
import { readTopology } from "./topology.ts";

/** How a restore through exchanges would go. */
export interface RoutingPlan {
  readonly fanout: FanoutPlan;
  readonly routing: ExchangeRouting;
  /** Why it does not go before it was accepted. */
  readonly refusal: AppError | undefined;
}

/** Options of {@linkcode planRouting}. */
export interface PlanRoutingOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly manifest: Manifest;
  readonly selection: MessageSelection;
  readonly mapping: RestoreMapping;
  readonly connections: ConnectionPool;
  readonly targets: readonly Target[];
  /** Bindings of the queues that are created. */
  readonly bindings: Bindings;
  /** Vhosts that are to be created, and have the usual exchanges by then. */
  readonly vhosts: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Looks at every message and at the target's exchanges and bindings: how many messages come of them,
 * and which exchanges take none. Undefined when messages go straight to their queues.
 */
export async function planRouting(options: PlanRoutingOptions): Promise<RoutingPlan | undefined> {
  const { config, storage, manifest, targets, bindings, mapping, signal } = options;
  if (config.restore.publish_mode !== "exchange") return undefined;
  // What a stream holds goes straight back to it.
  const filled = targets.filter(({ entry, action, position }) =>
    entry.stream === undefined && action !== "skip" && !position.done
  );
  const topology = await readTopology({
    target: requireTarget(config),
    vhosts: [...new Set(filled.map(({ destination }) => destination.vhost))],
    created: options.vhosts,
    stored: () => readIfWhole(storage, manifest),
    added: addedBindings(filled, bindings),
    signal,
  });
  const count = new FanoutCount(topology, options);
  for (const target of filled) await count.add(target);
  const closed = new Map<string, Map<string, Closed>>();
  for (const [vhost, exchanges] of count.used) {
    const router = topology.routers.get(vhost);
    const missing = options.vhosts.includes(vhost)
      ? new Set(exchanges.filter((name) => router?.exchange(name) === undefined))
      : await missingOf(exchanges, { ...options, vhost });
    closed.set(
      vhost,
      new Map(exchanges.flatMap((name): [string, Closed][] => {
        if (missing.has(name)) return [[name, "missing"]];
        return router?.exchange(name)?.internal ? [[name, "internal"]] : [];
      })),
    );
  }
  const fanout = count.plan(closed);
  return {
    fanout,
    routing: new ExchangeRouting(topology.routers, { closed, mapping }),
    refusal: config.restore.accept_fanout ? undefined : fanoutRefusal(fanout),
  };
}

/** To publish to an exchange that is not there would close the channel. */
async function missingOf(
  exchanges: readonly string[],
  { vhost, connections, signal }: PlanRoutingOptions & { vhost: string },
): Promise<Set<string>> {
  const missing = new Set<string>();
  if (exchanges.length === 0) return missing;
  await connections.use(vhost, async (connection) => {
    await using inspector = new QueueInspector(connection);
    for (const exchange of exchanges) {
      signal.throwIfAborted();
      if (!await inspector.hasExchange(exchange)) missing.add(exchange);
    }
  });
  return missing;
}

function addedBindings(
  targets: readonly Target[],
  bindings: Bindings,
): Map<string, RoutedBinding[]> {
  const byVhost = Map.groupBy(targets, ({ destination }) => destination.vhost);
  const added = [...byVhost].map(([vhost, group]) =>
    [
      vhost,
      group.flatMap(({ entry, destination }) => [
        defaultBinding(destination.name),
        ...(bindings.get(queueKey(entry)) ?? []).map((binding) => ({
          source: binding.exchange,
          destination: destination.name,
          toQueue: true,
          routingKey: binding.routingKey,
          arguments: binding.arguments,
        })),
      ]),
    ] as const
  );
  return new Map(added);
}
