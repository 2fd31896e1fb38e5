import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { type GenerateOptions, pikaGenerate, pikaRead } from "../tests/helpers/pika.ts";
import {
  createBoundExchange,
  createQueue,
  createVhost,
  deleteQueue,
  queueDepth,
  type QueueSpec,
  remove,
  waitForDepth,
} from "../tests/helpers/queues.ts";
import { tempDir } from "../tests/helpers/temp.ts";
import { type Broker, chooseWay, describeWay, startBroker } from "./lib/broker.ts";
import { label, type Reading, report, type Verdict } from "./lib/demo_report.ts";
import { checkoutDir } from "./lib/instances.ts";
import { print, say } from "./lib/output.ts";
import { signal } from "./lib/process.ts";
import { ensurePython } from "./lib/python.ts";
import { sweep } from "./lib/sweep.ts";

const BACKUP_ID = "demo";
const interrupt = new AbortController();

/** A queue of the demo, with the messages that are put into it. */
interface DemoQueue {
  readonly spec: QueueSpec;
  readonly load: GenerateOptions;
}

/** Runs the demo and removes all that it made; gives the verdict. */
async function main(): Promise<Verdict> {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => interrupt.abort(new Error("interrupted")));
  }
  heading("1. A private broker");
  print(`RabbitMQ 4.0: ${describeWay(await chooseWay("4.0"))}`);
  await sweep(print);
  await using broker = await startBroker("4.0", { onLog: print });
  await using folder = await tempDir("rabbitmq-backup-demo-");
  await ensurePython();
  const vhosts = await makeVhosts(broker);
  try {
    return await demonstrate(broker, { folder: folder.path, vhosts });
  } finally {
    print("\nRemoving the broker and all files of this demo.");
    // A broker of somebody else's stays, so what was put into it goes.
    for (const vhost of vhosts) await remove(broker, `vhosts/${encodeURIComponent(vhost)}`);
  }
}

async function demonstrate(
  broker: Broker,
  place: { folder: string; vhosts: readonly [string, string] },
): Promise<Verdict> {
  const queues = demoQueues(place.vhosts);

  heading("2. Messages of many kinds, published with pika");
  for (const queue of queues) await load(broker, queue);
  const before = await readAll(broker, queues);

  heading("3. Backup");
  const backupConfig = await writeConfig(broker, { mode: "backup", ...place });
  print(await Deno.readTextFile(backupConfig));
  await tool(["backup", "--config", backupConfig], broker);
  for (const [index, { spec }] of queues.entries()) {
    await waitForDepth(broker, spec, { depth: before[index]?.messages.length ?? 0 });
  }
  print("All queues hold as many messages as before.");

  heading("4. What was stored");
  await tool(["list", "--path", `${place.folder}/backups`], broker);
  await tool(["describe", "--path", `${place.folder}/backups`, "--backup-id", BACKUP_ID], broker);

  heading("5. The queues are deleted");
  for (const { spec } of queues) {
    await deleteQueue(broker, spec);
    const depth = await queueDepth(broker, spec);
    if (depth !== undefined) throw new Error(`Cannot delete '${spec.name}': it still exists`);
    print(`${label(spec)}: 404, gone`);
  }

  heading("6. Restore");
  const restoreConfig = await writeConfig(broker, { mode: "restore", ...place });
  await tool(["restore", "--config", restoreConfig], broker);

  heading("7. Proof, by reading with pika again");
  const after = await readAll(broker, queues);
  return report(queues.map((queue) => queue.spec), before, after);
}

async function makeVhosts(broker: Broker): Promise<readonly [string, string]> {
  const suffix = crypto.randomUUID().slice(0, 4);
  const vhosts = [`shop-${suffix}`, `büro ${suffix}/archiv`] as const;
  for (const vhost of vhosts) await createVhost(broker, vhost);
  return vhosts;
}

function demoQueues([shop, office]: readonly [string, string]): DemoQueue[] {
  const quorum = { type: "quorum", arguments: { "x-delivery-limit": 50 } } as const;
  const exchange = "orders";
  return [
    {
      spec: { vhost: shop, name: "orders/eu #1" },
      load: { count: 1500, seed: 1, exchange, large: 1 },
    },
    {
      spec: { vhost: shop, name: "audit", ...quorum },
      load: { count: 1500, seed: 2, priorities: [4] },
    },
    {
      spec: { vhost: shop, name: "jobs by priority", arguments: { "x-max-priority": 9 } },
      load: { count: 800, seed: 3, priorities: [0, 3, 6, 9] },
    },
    {
      spec: { vhost: office, name: "Rechnungen €", ...quorum },
      load: { count: 800, seed: 4, priorities: [4], large: 1 },
    },
    { spec: { vhost: office, name: ".." }, load: { count: 400, seed: 5 } },
  ];
}

async function load(broker: Broker, queue: DemoQueue): Promise<void> {
  interrupt.signal.throwIfAborted();
  const { spec } = queue;
  await createQueue(broker, spec);
  const { exchange } = queue.load;
  if (exchange !== undefined) {
    await createBoundExchange(broker, { vhost: spec.vhost, name: exchange, queue: spec.name });
  }
  const sent = await pikaGenerate(broker, spec, queue.load);
  const bytes = sent.reduce((sum, message) => sum + message.body_size, 0);
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  print(`${label(spec)}: ${sent.length} messages, ${size} (${spec.type ?? "classic"} queue)`);
}

/** Reads every queue to its end and gives the messages back. */
async function readAll(broker: Broker, queues: readonly DemoQueue[]): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const { spec } of queues) {
    interrupt.signal.throwIfAborted();
    const messages = await pikaRead(broker, spec);
    const hash = createHash("sha256");
    for (const message of messages) hash.update(message.wire_sha256);
    readings.push({ messages, fingerprint: hash.digest("hex") });
    await waitForDepth(broker, spec, { depth: messages.length }); // they are back
  }
  return readings;
}

async function writeConfig(
  broker: Broker,
  options: { mode: "backup" | "restore"; folder: string; vhosts: readonly string[] },
): Promise<string> {
  const { mode, folder, vhosts } = options;
  const endpoint = {
    amqp_url: "${AMQP_URL}",
    management_url: broker.managementUrl,
    management_username: broker.username,
    management_password: "${MANAGEMENT_PASSWORD}",
  };
  const path = `${folder}/${mode}.yaml`;
  const config = {
    mode,
    backup_id: BACKUP_ID,
    ...(mode === "backup" ? { source: { ...endpoint, queues: { vhosts } } } : { target: endpoint }),
    storage: { backend: "filesystem", path: `${folder}/backups` },
    offset_storage: { db_path: `${folder}/checkpoint.db` },
  };
  await Deno.writeTextFile(path, stringify(config));
  return path;
}

/** Runs rabbitmq-backup, its output shown as it comes; throws unless it ends with 0. */
async function tool(args: string[], broker: Broker): Promise<void> {
  interrupt.signal.throwIfAborted();
  print(`$ rabbitmq-backup ${args.join(" ")}`);
  const binary = Deno.env.get("RABBITMQ_BACKUP_BIN");
  const child = new Deno.Command(binary ?? Deno.execPath(), {
    args: binary ? args : ["run", "-A", `${checkoutDir()}/main.ts`, ...args],
    env: { AMQP_URL: broker.amqpUrl, MANAGEMENT_PASSWORD: broker.password },
    stdin: "null",
  }).spawn();
  const end = () => signal(child.pid, "SIGTERM");
  interrupt.signal.addEventListener("abort", end);
  const { code } = await child.status;
  interrupt.signal.removeEventListener("abort", end);
  interrupt.signal.throwIfAborted();
  if (code !== 0) throw new Error(`Cannot go on: rabbitmq-backup ${args[0]} ended with ${code}`);
}

function heading(text: string): void {
  print(`\n== ${text}`);
}

try {
  const verdict = await main();
  print(verdict.text);
  Deno.exit(verdict.proved ? 0 : 1);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  print("FAILED: the demo did not get to its end.");
  Deno.exit(interrupt.signal.aborted ? 130 : 1);
}
