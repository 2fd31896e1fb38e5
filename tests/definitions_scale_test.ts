/** The definitions of a large cluster: out, compared, in and verified. */
import assert from "node:assert/strict";
import type { Definitions } from "../src/definitions/document.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { management } from "./helpers/queues.ts";
import { tempDir } from "./helpers/temp.ts";

const SIZES = { queues: 2000, exchanges: 500, bindings: 10_000, users: 200, policies: 100 };

/** Far more than it takes; a run that hangs is to fail. */
const LIMIT_MS = 120_000;

testOnEach("2,000 queues, 10,000 bindings: in, verified, out, compared", async (broker) => {
  await using dir = await tempDir();
  const prefix = `scale-${crypto.randomUUID().slice(0, 8)}`;
  const env = {
    RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl,
    RABBITMQ_BACKUP_MANAGEMENT_URL: broker.managementUrl,
    XDG_STATE_HOME: dir.path,
  };
  const run = async (args: string[]): Promise<CliResult> => {
    const result = await runCli(args, { env });
    assert.equal(result.code, 0, result.stdout.slice(-3000) + result.stderr);
    return result;
  };
  const wanted = await dir.write("wanted.json", JSON.stringify(largeCluster(prefix)));
  const startedAt = Date.now();
  try {
    // 1. In.
    const imported = JSON.parse((await run(["definitions-import", "-i", wanted, "--json"])).stdout);
    assert.equal(imported.complete, true);
    for (const [kind, total] of Object.entries(SIZES)) {
      const found = imported.kinds.find((each: { kind: string }) => each.kind === kind);
      assert.deepEqual([found.total, found.created], [total, total], kind);
    }

    // 2. Out, and the same.
    const out = dir.join("out.json");
    const select = ["--select-vhost", prefix, "--select-users"];
    await run(["definitions-export", ...select, "-o", out]);
    const diff = JSON.parse((await run(["definitions-diff", wanted, out, "--json"])).stdout);
    // The importing user got permissions on the new vhost, so is one of its users.
    const added = diff.added.map(({ kind }: { kind: string }) => kind);
    assert.deepEqual([added, diff.removed, diff.changed], [["users", "permissions"], [], []]);

    // 3. Again there is nothing to do.
    const again = JSON.parse((await run(["definitions-import", "-i", out, "--json"])).stdout);
    assert.deepEqual([again.created, again.updated, again.rollback_snapshot], [[], [], undefined]);
    assert.ok(Date.now() - startedAt < LIMIT_MS, `it took ${Date.now() - startedAt} ms`);
  } finally {
    await cleanUp(broker, prefix);
  }
});

function largeCluster(vhost: string): Definitions {
  const many = <T>(count: number, make: (at: number) => T) =>
    Array.from({ length: count }, (_, at) => make(at));
  const durable = { vhost, durable: true, auto_delete: false };
  return {
    users: many(SIZES.users, (at) => ({
      name: `${vhost}-${at}`,
      password_hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
      hashing_algorithm: "rabbit_password_hashing_sha256",
      tags: at % 50 === 0 ? ["monitoring"] : [],
    })),
    vhosts: [{ name: vhost }],
    permissions: many(SIZES.users, (at) => ({
      vhost,
      user: `${vhost}-${at}`,
      configure: "^$",
      write: ".*",
      read: ".*",
    })),
    policies: many(SIZES.policies, (at) => ({
      vhost,
      name: `p${at}`,
      pattern: `^q${at}$`,
      "apply-to": "queues",
      priority: at,
      definition: { "max-length": 1000 + at },
    })),
    queues: many(SIZES.queues, (at) => ({
      ...durable,
      name: `q${at}`,
      arguments: at % 10 === 0 ? { "x-max-length": at + 1 } : {},
    })),
    exchanges: many(SIZES.exchanges, (at) => ({
      ...durable,
      name: `x${at}`,
      type: ["direct", "topic", "fanout", "headers"][at % 4],
      internal: false,
      arguments: {},
    })),
    bindings: many(SIZES.bindings, (at) => ({
      vhost,
      source: `x${at % SIZES.exchanges}`,
      destination: `q${at % SIZES.queues}`,
      destination_type: "queue",
      routing_key: `k${Math.floor(at / SIZES.queues)}.${at % 7}`,
      arguments: {},
    })),
  };
}

async function cleanUp(broker: Broker, prefix: string): Promise<void> {
  const users = Array.from({ length: SIZES.users }, (_, at) => `${prefix}-${at}`);
  await management(broker, "users/bulk-delete", { method: "POST", body: { users } });
  await management(broker, `vhosts/${prefix}`, { method: "DELETE" });
}
