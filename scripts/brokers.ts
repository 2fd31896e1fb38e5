import { join } from "node:path";
import {
  attachBroker,
  type Broker,
  type BrokerVersion,
  describeWay,
  startBroker,
} from "./lib/broker.ts";
import { cacheDir } from "./lib/cache.ts";
import { checkoutDir, listInstances } from "./lib/instances.ts";
import { print, say } from "./lib/output.ts";
import { ignoreMissing, VERSIONS } from "./lib/roots.ts";
import { removeInstance, sweep } from "./lib/sweep.ts";

const USAGE = `Real RabbitMQ brokers on this machine, for development and tests.

  scripts/brokers up [3.10 4.0 4.3]   start those that do not run (default: all three); prints how
                                      to reach them, for eval "$(scripts/brokers up)"
  scripts/brokers status              list those that scripts have started
  scripts/brokers ctl ID ARGS...      run rabbitmqctl against one
  scripts/brokers down [--all]        end those of this checkout and those left by a crash
  scripts/brokers sweep               end only those left by a crash`;

async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case "up":
      return await up(rest);
    case "down":
      return await down({ all: rest.includes("--all") });
    case "status":
      return await status();
    case "sweep":
      await sweep(say);
      return 0;
    case "ctl":
      return await control(rest);
    default:
      (command === "help" || command === "--help" ? print : say)(USAGE);
      return command === "help" || command === "--help" ? 0 : 2;
  }
}

async function up(wanted: string[]): Promise<number> {
  const versions = wanted.length === 0 ? VERSIONS : wanted.map(requireVersion);
  await sweep(say);
  const running = (await ours()).filter(runs);
  const results = await Promise.allSettled(
    versions.map((version) =>
      running.find((broker) => broker.version === version) ??
        startBroker(version, { onLog: say, owned: false })
    ),
  );
  for (const result of results) {
    if (result.status === "fulfilled") printBroker(result.value);
    else say(result.reason instanceof Error ? result.reason.message : String(result.reason));
  }
  await describeOurs();
  print("# for: deno test -A tests/NAME_test.ts");
  print(`export RABBITMQ_BACKUP_TEST_BROKERS='${descriptionPath()}'`);
  return results.every((result) => result.status === "fulfilled") ? 0 : 1;
}

/** Where `up` leaves the description of this checkout's brokers, for the tests to read. */
function descriptionPath(): string {
  const name = checkoutDir().replaceAll(/[^A-Za-z0-9]+/g, "-");
  return join(cacheDir(), `brokers${name}.json`);
}

async function describeOurs(): Promise<void> {
  const descriptions = (await ours()).map((broker) => broker.description);
  await Deno.mkdir(cacheDir(), { recursive: true });
  await Deno.writeTextFile(descriptionPath(), JSON.stringify(descriptions, null, 2));
}

function printBroker(broker: Broker): void {
  print(`# RabbitMQ ${broker.fullVersion} from ${describeWay(broker.way)}, ${broker.id}`);
  const name = `RABBITMQ_${broker.version.replace(".", "_")}`;
  print(`export ${name}_AMQP_URL='${broker.amqpUrl}'`);
  print(`export ${name}_MANAGEMENT_URL='${broker.managementUrl}'`);
}

async function ours(): Promise<Broker[]> {
  return (await listInstances())
    .filter((record) => record.owner === null && record.checkout === checkoutDir())
    .flatMap((record) => record.description === undefined ? [] : [record.description])
    .map(attachBroker);
}

async function status(): Promise<number> {
  for (const record of await listInstances()) {
    const { description } = record;
    const owner = record.owner === null ? record.checkout : `process ${record.owner.pid}`;
    if (description === undefined) {
      print(`${record.id}  starting  owner ${owner}`);
      continue;
    }
    const state = runs(attachBroker(description)) ? "running" : "down";
    print(
      `${record.id}  ${description.fullVersion}  ${state}  ${description.amqpUrl}  ` +
        `${description.managementUrl}  owner ${owner}`,
    );
  }
  return 0;
}

function runs(broker: Broker): boolean {
  try {
    return broker.pid > 0;
  } catch {
    return false;
  }
}

async function control(args: string[]): Promise<number> {
  const [id, ...command] = args;
  const record = (await listInstances()).find((one) => one.id === id);
  if (record?.description === undefined) {
    say(`Cannot find the broker '${id ?? ""}': see scripts/brokers status`);
    return 2;
  }
  print((await attachBroker(record.description).rabbitmqctl(...command)).trimEnd());
  return 0;
}

async function down(options: { all: boolean }): Promise<number> {
  await sweep(say);
  const records = (await listInstances()).filter((record) =>
    options.all || (record.owner === null && record.checkout === checkoutDir())
  );
  await Promise.all(records.map(async (record) => {
    await removeInstance(record);
    say(`ended ${record.id}`);
  }));
  await Deno.remove(descriptionPath()).catch(ignoreMissing);
  return 0;
}

function requireVersion(text: string): BrokerVersion {
  const version = VERSIONS.find((one) => one === text);
  if (version === undefined) {
    throw new Error(`Cannot start RabbitMQ ${text}: the choices are ${VERSIONS.join(", ")}`);
  }
  return version;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}
