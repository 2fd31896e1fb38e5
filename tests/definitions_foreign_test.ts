/** What is exported goes in by RabbitMQ's own tools, and what they export comes in here. */
import assert from "node:assert/strict";
import { type Broker, brokers, type BrokerVersion, startBroker } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import {
  createBoundExchange,
  createUser,
  createVhost,
  management,
  put,
  remove,
  setPermissions,
  TestVhost,
  waitUntil,
} from "./helpers/queues.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

const VHOST = "shop/é";
const USER = "canary-user";

for (const { version } of brokers()) {
  Deno.test(`rabbitmqctl and rabbitmqadmin, out and in (RabbitMQ ${version})`, async () => {
    await using dir = await tempDir();
    const admin = await rabbitmqadmin(version, dir);
    // What a whole broker has is imported, so it is one of its own.
    await using broker = await startBroker(version);
    const run = (args: string[]) => runCli(args, { env: environmentOf(broker, dir) });
    await fill(broker);

    // 1. Out: all, and a single vhost as the broker has it.
    const [all, single, named] = [dir.join("all.json"), dir.join("v.json"), dir.join("named.json")];
    assertOk(await run(["definitions-export", "-o", all]));
    assertOk(await run(["definitions-export", "--vhost", VHOST, "-o", single]));
    assertOk(await run(["definitions-export", "--select-vhost", VHOST, "-o", named]));
    const same = (file: string, ...flags: string[]) =>
      untilSame(run, ["definitions-diff", file, "live", "--exit-code", ...flags]);

    // 2. In by the one and by the other, into a broker that has it no more.
    await empty(broker);
    const path = await broker.shareFile("all.json", await Deno.readTextFile(all));
    await broker.rabbitmqctl("import_definitions", path);
    await same(all);
    await empty(broker);
    await admin(broker, "import", all);
    await same(all);
    await remove(broker, `vhosts/${encodeURIComponent(VHOST)}`);
    const namedPath = await broker.shareFile("named.json", await Deno.readTextFile(named));
    await broker.rabbitmqctl("import_definitions", namedPath);
    await same(all, "--vhost", VHOST);
    await createVhost(broker, "copy");
    await admin(broker, "--vhost=copy", "import", single);
    const queues = await management(broker, "queues/copy?columns=name") as unknown[];
    assert.equal(queues.length, 3);
    await remove(broker, "vhosts/copy");

    // 3. The other way round: what they export comes in.
    const exports = [
      ["ctl.json", await broker.rabbitmqctl("export_definitions", "-")],
      ["admin.json", await admin(broker, "export", dir.join("out.json"))],
    ] as const;
    for (const [name, text] of exports) {
      const file = await dir.write(
        name,
        name === "admin.json" ? await Deno.readTextFile(dir.join("out.json")) : text,
      );
      await empty(broker);
      const imported = await run(["definitions-import", "-i", file]);
      assertOk(imported);
      await same(all);
    }
  });
}

/** Three queues, exchanges bound to each other, a policy, a limit, a user with permissions. */
async function fill(broker: Broker): Promise<void> {
  await createVhost(broker, VHOST);
  const vhost = new TestVhost(broker, VHOST);
  const scope = encodeURIComponent(VHOST);
  await vhost.queue("quorum", { type: "quorum", arguments: { "x-delivery-limit": 7 } });
  await vhost.queue("classic", { arguments: { "x-max-length": 5 } });
  await vhost.queue("a/b é", { durable: true });
  await createBoundExchange(broker, { vhost: VHOST, name: "events", queue: "quorum" });
  await put(broker, `exchanges/${scope}/entry`, { type: "headers", durable: true });
  await management(broker, `bindings/${scope}/e/entry/e/events`, {
    method: "POST",
    body: { routing_key: "", arguments: { "x-match": "any", kind: "order", n: 5 } },
  });
  const policy = { pattern: "^none$", definition: { "max-length": 7 }, "apply-to": "queues" };
  await put(broker, `policies/${scope}/limit`, policy);
  await put(broker, `vhost-limits/${scope}/max-queues`, { value: 50 });
  await createUser(broker, { name: USER, password: "canary-1c9d", tags: "monitoring" });
  await setPermissions(broker, { vhost: VHOST, user: USER, configure: "^$" });
}

async function empty(broker: Broker): Promise<void> {
  await remove(broker, `vhosts/${encodeURIComponent(VHOST)}`);
  await remove(broker, `users/${USER}`);
}

/** The tools answer before all is there. */
async function untilSame(
  run: (args: string[]) => Promise<CliResult>,
  args: string[],
): Promise<void> {
  let last: CliResult | undefined;
  await waitUntil(async () => (last = await run(args)).code === 0, {
    what: () => `no difference: ${last?.stdout}${last?.stderr}`,
    timeoutMs: 60_000,
  });
}

/** The Python tool, as the management plugin of this version or of an older one serves it. */
async function rabbitmqadmin(version: BrokerVersion, dir: TempDir) {
  const own = brokers().find((broker) => broker.version === version);
  for (const { managementUrl } of [own!, ...brokers()]) {
    const response = await fetch(`${managementUrl}/cli/rabbitmqadmin`);
    const script = await response.text();
    if (!response.ok) continue;
    const path = await dir.write("rabbitmqadmin", script);
    return async ({ managementUrl, username, password }: Broker, ...args: string[]) => {
      const { hostname, port } = new URL(managementUrl);
      const address = ["-H", hostname, "-P", port, "-u", username, "-p", password];
      const command = new Deno.Command("python3", { args: [path, "-q", ...address, ...args] });
      const { success, stdout, stderr } = await command.output();
      const text = new TextDecoder();
      assert.ok(success, text.decode(stdout) + text.decode(stderr));
      return text.decode(stdout);
    };
  }
  throw new Error("Cannot get rabbitmqadmin: no broker of this run serves it");
}

function environmentOf(broker: Broker, state: TempDir): Record<string, string> {
  return {
    RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl,
    RABBITMQ_BACKUP_MANAGEMENT_URL: broker.managementUrl,
    XDG_STATE_HOME: state.path,
  };
}

function assertOk({ code, stdout, stderr }: CliResult): void {
  assert.equal(code, 0, stdout + stderr);
}
