import type { Definitions } from "../../src/definitions/document.ts";
import { type BrokerAddress, management } from "./queues.ts";

/** How many of each kind there are, by the names in definitions. */
export const LARGE_CLUSTER = {
  queues: 2000,
  exchanges: 500,
  bindings: 10_000,
  users: 200,
  policies: 100,
} as const;

/** Definitions of one vhost that a large cluster may have, with users whose names begin with its own. */
export function largeCluster(vhost: string): Definitions {
  const many = <T>(count: number, make: (at: number) => T) =>
    Array.from({ length: count }, (_, at) => make(at));
  const durable = { vhost, durable: true, auto_delete: false };
  return {
    users: many(LARGE_CLUSTER.users, (at) => ({
      name: `${vhost}-${at}`,
      password_hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
      hashing_algorithm: "rabbit_password_hashing_sha256",
      tags: at % 50 === 0 ? ["monitoring"] : [],
    })),
    vhosts: [{ name: vhost }],
    permissions: many(LARGE_CLUSTER.users, (at) => ({
      vhost,
      user: `${vhost}-${at}`,
      configure: "^$",
      write: ".*",
      read: ".*",
    })),
    policies: many(LARGE_CLUSTER.policies, (at) => ({
      vhost,
      name: `p${at}`,
      pattern: `^q${at}$`,
      "apply-to": "queues",
      priority: at,
      definition: { "max-length": 1000 + at },
    })),
    queues: many(LARGE_CLUSTER.queues, (at) => ({
      ...durable,
      name: `q${at}`,
      arguments: at % 10 === 0 ? { "x-max-length": at + 1 } : {},
    })),
    exchanges: many(LARGE_CLUSTER.exchanges, (at) => ({
      ...durable,
      name: `x${at}`,
      type: ["direct", "topic", "fanout", "headers"][at % 4],
      internal: false,
      arguments: {},
    })),
    bindings: many(LARGE_CLUSTER.bindings, (at) => ({
      vhost,
      source: `x${at % LARGE_CLUSTER.exchanges}`,
      destination: `q${at % LARGE_CLUSTER.queues}`,
      destination_type: "queue",
      routing_key: `k${Math.floor(at / LARGE_CLUSTER.queues)}.${at % 7}`,
      arguments: {},
    })),
  };
}

/** Deletes what {@linkcode largeCluster} describes. */
export async function removeLargeCluster(broker: BrokerAddress, vhost: string): Promise<void> {
  const users = Array.from({ length: LARGE_CLUSTER.users }, (_, at) => `${vhost}-${at}`);
  await management(broker, "users/bulk-delete", { method: "POST", body: { users } });
  await management(broker, `vhosts/${vhost}`, { method: "DELETE" });
}
