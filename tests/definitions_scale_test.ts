/** The definitions of a large cluster: out, compared, in and verified. */
import assert from "node:assert/strict";
import { testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { LARGE_CLUSTER, largeCluster, removeLargeCluster } from "./helpers/large_cluster.ts";
import { tempDir } from "./helpers/temp.ts";

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
  try {
    // 1. In.
    const imported = JSON.parse((await run(["definitions-import", "-i", wanted, "--json"])).stdout);
    assert.equal(imported.complete, true);
    for (const [kind, total] of Object.entries(LARGE_CLUSTER)) {
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
  } finally {
    await removeLargeCluster(broker, prefix);
  }
});
