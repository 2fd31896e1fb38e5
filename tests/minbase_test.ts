/** The one file on a system with nothing else: a chroot of Debian's `minbase`, without /proc or environment. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import { ensureMinbase, rootsObstacle } from "../scripts/lib/roots.ts";
import { mustRun } from "../scripts/lib/process.ts";
import { brokers } from "./helpers/brokers.ts";
import { assertWhole, load } from "./helpers/failure.ts";
import { portable, run } from "./helpers/portable.ts";
import { deleteQueue, testVhost } from "./helpers/queues.ts";
import { newStore } from "./helpers/storages.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

// What is tested does not depend on the version.
const broker = brokers().at(-1)!;
const PROGRAM = "/usr/local/bin/rabbitmq-backup";

/** A system of its own with the executable in it. */
async function minbase(): Promise<TempDir> {
  const dir = await tempDir();
  await mustRun(["cp", "-a", `${await ensureMinbase()}/.`, dir.path]);
  await Deno.copyFile(await portable(), join(dir.path, PROGRAM));
  return dir;
}

Deno.test({
  name: "backs up and restores from a bare chroot, on a folder and on MinIO",
  ignore: await rootsObstacle() !== undefined,
  fn: async () => {
    await using root = await minbase();
    await using vhost = await testVhost(broker, "minbase");
    const inside = async (...args: string[]) => {
      const front = ["chroot", root.path, "/usr/bin/env", "-i"];
      const { code, out, err } = await run([PROGRAM, ...args], { front });
      assert.equal(code, 0, out + err);
      return out;
    };
    const stores = {
      folder: { backend: "filesystem", path: "/srv/backups" },
      minio: await newStore("s3"),
    };
    for (const [name, storage] of Object.entries(stores)) {
      // 1. Load.
      const loaded = [
        await load(broker, await vhost.queue(`${name}-classic`), 300),
        await load(broker, await vhost.queue(`${name}-quorum`, { type: "quorum" }), 100),
      ];
      const config = async (mode: "backup" | "restore", side: Record<string, unknown>) => {
        const text = stringify({ mode, backup_id: "night", storage, ...side });
        await Deno.writeTextFile(root.join("etc", `${name}-${mode}.yaml`), text, { mode: 0o600 });
        return ["--config", `/etc/${name}-${mode}.yaml`];
      };
      const { amqpUrl: amqp_url, managementUrl: management_url } = broker;

      // 2. Back up, and look at it.
      const queues = { vhosts: [vhost.name], include: [`${name}-*`] };
      const backup = await config("backup", { source: { amqp_url, management_url, queues } });
      await inside("backup", ...backup, "--quiet");
      await inside("validate", ...backup, "--deep");

      // 3. Lost, and back.
      for (const { queue } of loaded) await deleteQueue(broker, queue);
      const restore = await config("restore", { target: { amqp_url, management_url } });
      await inside("restore", ...restore, "--yes", "--quiet");
      await assertWhole(broker, ...loaded);
    }
    await assert.rejects(Deno.stat(root.join("proc", "self")), Deno.errors.NotFound);
  },
});
