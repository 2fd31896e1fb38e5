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
import { TmuxRun } from "./helpers/tmux.ts";

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

Deno.test({
  name: "the user interface backs up and restores from a bare chroot, on a folder and on MinIO",
  ignore: await rootsObstacle() !== undefined,
  fn: async () => {
    await using root = await minbase();
    await using vhost = await testVhost(broker, "minbase");
    const { amqpUrl: amqp_url, managementUrl: management_url } = broker;
    const stores = {
      folder: { backend: "filesystem", path: "/srv/backups" },
      minio: await newStore("s3"),
    };
    for (const [name, storage] of Object.entries(stores)) {
      const loaded = await load(broker, await vhost.queue(`${name}-queue`), 200);
      const queues = { vhosts: [vhost.name], include: [`${name}-*`] };
      const source = { amqp_url, management_url, queues };
      const text = stringify({ backup_id: "night", source, storage });
      await Deno.writeTextFile(root.join("etc", "tui.yaml"), text, { mode: 0o600 });

      // 1. Nothing in its environment, not even TERM: what is drawn is ASCII.
      await inTerminal(root, async (terminal) => {
        assert.match(await terminal.waitFor(/1 queue, /), /^[\x20-\x7e\n]*$/);
        await terminal.press("Enter");
        await terminal.waitFor(/none marked/);
        await terminal.press("Enter");
        await terminal.waitFor(/Reads 1 queue, 200 messages/);
        await terminal.press("Enter");
        await terminal.waitFor(/Backup night is complete: 1 queue, 200 messages/);
      });

      // 2. Lost, and back.
      await deleteQueue(broker, loaded.queue);
      await inTerminal(root, async (terminal) => {
        await terminal.waitFor(/1 backup, /);
        await terminal.press("Down", "Enter");
        await terminal.waitFor(/night +ok complete/);
        await terminal.press("Enter");
        await terminal.waitFor(/none marked/);
        await terminal.press("Enter");
        await terminal.waitFor(/200 messages to restore, 1 created/);
        await terminal.press("Enter");
        await terminal.waitFor(/\[ Cancel \]/);
        await terminal.type(amqp_url.replace(/^.*[/@]([^/@]+)$/, "$1"));
        await terminal.press("Tab", "Enter");
        await terminal.waitFor(/Restore of night is complete: 1 queue, 200 messages/);
      });
      await assertWhole(broker, loaded);
    }
  },
});

/** Opens the user interface in the chroot, with a terminal from outside, and ends it with its own key. */
async function inTerminal(
  root: TempDir,
  use: (terminal: TmuxRun) => Promise<void>,
): Promise<void> {
  const command = ["chroot", root.path, "/usr/bin/env", "-i", PROGRAM];
  const options = { command, columns: 120 };
  await using terminal = await TmuxRun.start(["tui", "--config", "/etc/tui.yaml"], options);
  await use(terminal);
  await terminal.press("q");
  assert.match(await terminal.waitFor(/^code \d+$/m), /^code 0$/m);
}
