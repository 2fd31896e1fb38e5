import { basename, join } from "node:path";
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { buildPortable } from "./build/build.ts";
import {
  type Broker,
  type BrokerVersion,
  chooseWay,
  describeWay,
  startBroker,
} from "./lib/broker.ts";
import { checkoutDir } from "./lib/instances.ts";
import { print, say } from "./lib/output.ts";
import { signal } from "./lib/process.ts";
import { ensurePython } from "./lib/python.ts";
import { VERSIONS } from "./lib/roots.ts";
import {
  startStorageServers,
  stopStorageServers,
  type StorageRecord,
  sweepStorages,
} from "./lib/storage_servers.ts";
import { sweep } from "./lib/sweep.ts";
import { type Lane, runInLanes, type TestPart } from "./lib/test_lanes.ts";
import { ensureTmux } from "./lib/tmux.ts";
import { add, type Counts, countSummary, NONE } from "./lib/test_result.ts";

const USAGE =
  `Checks and tests everything, on real brokers and storage servers that it sets up itself.

  scripts/test                      format, lint, types, layers, unit tests; then the executable
                                    on all brokers and on servers of the clouds' kinds
  scripts/test --unit               all that needs no server
  scripts/test --only 4.0           tests on this broker version only (may be repeated)
  scripts/test --lanes 1            one test file after the other; otherwise several side by side,
                                    each on brokers of its own
  scripts/test tests/foo_test.ts    these files only, on the sources unless RABBITMQ_BACKUP_BIN
                                    names an executable

The last line is 'N passed, N failed'; a check that fails counts as one.`;

/** Names the file with the brokers' descriptions; when it is set already, those are used as they are. */
const BROKERS_VARIABLE = "RABBITMQ_BACKUP_TEST_BROKERS";
/** Names the file that says how the storage servers are reached; likewise. */
const STORAGES_VARIABLE = "RABBITMQ_BACKUP_TEST_STORAGES";
/** Names the executable that is tested in place of the sources. */
const BUILD_VARIABLE = "RABBITMQ_BACKUP_BIN";

/** What runs longest, longest first. */
const LONGEST = [
  "cluster_test.ts",
  "consumer_timeout_test.ts",
  "storage_outage_test.ts",
  "definitions_scale_test.ts",
];
/** Of these, the tests on one version take so long that those on the others run beside them. */
const BY_VERSION = new Set(["cluster_test.ts", "consumer_timeout_test.ts"]);

interface Choice {
  readonly versions: readonly BrokerVersion[];
  readonly lanes: number;
  readonly unitOnly: boolean;
  readonly files: readonly string[];
}

const UNIT_TEST_ROOMS = ["src/", "scripts/", "tui/"];

const interrupt = new AbortController();

async function main(args: string[]): Promise<number> {
  const choice = parse(args);
  if (choice === undefined) return 0;
  Deno.chdir(checkoutDir());
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => interrupt.abort());
  }
  let counts = NONE;
  if (choice.files.length > 0) {
    const needServers = !choice.unitOnly && choice.files.some((file) => /\btests\//.test(file));
    const files = choice.files.map((file) => join(Deno.cwd(), file));
    counts = needServers
      ? await runWithServers(files, { ...choice, flags: [] })
      : await denoTest("tests", files);
  } else {
    counts = add(counts, await runChecks());
    counts = add(counts, await denoTest("unit tests", UNIT_TEST_ROOMS));
    if (!choice.unitOnly) counts = add(counts, await runAllWithServers(choice));
  }
  if (interrupt.signal.aborted) {
    say("interrupted");
    counts = add(counts, { passed: 0, failed: counts.failed === 0 ? 1 : 0 });
  }
  print(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

function parse(args: string[]): Choice | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: "string", multiple: true },
      unit: { type: "boolean", default: false },
      lanes: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return undefined;
  }
  const unknown = values.only?.find((text) => !VERSIONS.some((version) => version === text));
  if (unknown !== undefined) {
    throw new Error(`Cannot test on RabbitMQ ${unknown}: the choices are ${VERSIONS.join(", ")}`);
  }
  const versions = VERSIONS.filter((version) => values.only?.includes(version) ?? true);
  // Most tests wait for brokers most of the time.
  const lanes = Number(values.lanes ?? availableParallelism() + 1);
  if (!(Number.isInteger(lanes) && lanes > 0)) {
    throw new Error(`Cannot run tests in ${values.lanes} lanes: it takes a number from 1 up`);
  }
  return { versions, lanes, unitOnly: values.unit, files: positionals };
}

/** The steps of `deno task ok` but its tests, each to its end, so that one run shows all. */
async function runChecks(): Promise<Counts> {
  const checks: [string, string[]][] = [
    ["format", ["fmt", "--check"]],
    ["lint", ["lint"]],
    ["types", ["task", "check"]],
    ["layers", ["run", "--allow-read", "scripts/check_layers.ts"]],
  ];
  let counts = NONE;
  for (const [name, args] of checks) {
    if (interrupt.signal.aborted) break;
    print(`==> ${name}`);
    const code = (await deno(args)).code;
    if (code !== 0) print(`==> ${name} FAILED (exit code ${code})`);
    counts = add(counts, { passed: 0, failed: code === 0 ? 0 : 1 });
  }
  return counts;
}

/** All tests that need servers, on the executable that users get. */
async function runAllWithServers(choice: Choice): Promise<Counts> {
  if (interrupt.signal.aborted) return NONE;
  if (!Deno.env.get(BUILD_VARIABLE) && Deno.build.os === "linux") {
    print("==> building dist/rabbitmq-backup");
    const [path] = await buildPortable();
    Deno.env.set(BUILD_VARIABLE, path!);
  }
  // Types have been checked.
  return await runWithServers(await testFiles(), { ...choice, flags: ["--no-check"] });
}

/** The test files that need servers. */
async function testFiles(): Promise<string[]> {
  const paths = await readdir("tests", { recursive: true });
  return paths.filter((path) => path.endsWith("_test.ts")).map((path) => join("tests", path));
}

async function runWithServers(
  files: readonly string[],
  options: Pick<Choice, "versions" | "lanes"> & { flags: readonly string[] },
): Promise<Counts> {
  if (interrupt.signal.aborted) return NONE;
  const started: Broker[] = [];
  let storages: StorageRecord | undefined;
  const folder = await Deno.makeTempDir({ prefix: "rabbitmq-backup-servers-" });
  try {
    await sweep(print);
    const env: Record<string, string> = {};
    if (Deno.env.get(STORAGES_VARIABLE)) {
      print(`==> storage servers as ${STORAGES_VARIABLE} names them`);
    } else {
      print("==> storage servers: MinIO, Azurite, fake-gcs-server");
      await sweepStorages(print);
      storages = await startStorageServers({ owned: true });
      env[STORAGES_VARIABLE] = join(folder, "storages.json");
      await describe(env[STORAGES_VARIABLE], storages.servers);
    }
    const lanes: Lane[] = [];
    const areGiven = Boolean(Deno.env.get(BROKERS_VARIABLE));
    if (areGiven) {
      print(`==> brokers as ${BROKERS_VARIABLE} names them`);
      lanes.push({ env: () => env });
    } else {
      await announce(options.versions);
      for (let number = 1; number <= Math.min(options.lanes, files.length); number++) {
        const brokers = await startAll(options.versions, started);
        lanes.push(await newLane(brokers, { env, folder: join(folder, `${number}`) }));
      }
    }
    print(`==> tests on servers, ${lanes.length} side by side`);
    const { flags } = options;
    const parts = partsOf(files, areGiven ? [] : options.versions);
    return await runInLanes(parts, { lanes, flags, signal: interrupt.signal });
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return { passed: 0, failed: 1 };
  } finally {
    await Promise.all(started.map((broker) => broker.stop()));
    if (storages !== undefined) await stopStorageServers(storages);
    await sweep(print); // what a test that was ended had started itself
    await Deno.remove(folder, { recursive: true });
    print(`==> servers stopped`);
  }
}

/** What takes longest first, so that it does not run alone at the end; cut up by these versions. */
function partsOf(files: readonly string[], versions: readonly BrokerVersion[]): TestPart[] {
  const rank = (file: string) => {
    const index = LONGEST.indexOf(basename(file));
    return index === -1 ? LONGEST.length : index;
  };
  const ordered = files.toSorted((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
  return ordered.flatMap((file) =>
    BY_VERSION.has(basename(file)) && versions.length > 0
      ? versions.map((version) => ({ file, version }))
      : [{ file }]
  );
}

/** A lane whose tests find these brokers, or one of them, and what `env` names. */
async function newLane(
  brokers: readonly Broker[],
  { env, folder }: { env: Record<string, string>; folder: string },
): Promise<Lane> {
  await Deno.mkdir(folder);
  const path = (name: string) => join(folder, `${name}.json`);
  await describe(path("all"), brokers.map(({ description }) => description));
  for (const { version, description } of brokers) await describe(path(version), [description]);
  return { env: (version) => ({ ...env, [BROKERS_VARIABLE]: path(version ?? "all") }) };
}

/** Writes what tests have to know of servers. */
async function describe(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2));
}

async function announce(versions: readonly BrokerVersion[]): Promise<void> {
  print(`==> brokers: RabbitMQ ${versions.join(", ")}`);
  for (const version of versions) {
    print(`RabbitMQ ${version}: ${describeWay(await chooseWay(version))}`);
  }
}

/** Starts a broker of each version at once; what did start is in `started` even when another fails. */
async function startAll(
  versions: readonly BrokerVersion[],
  started: Broker[],
): Promise<Broker[]> {
  const starting = versions.map(async (version) => {
    const broker = await startBroker(version, { onLog: print });
    started.push(broker);
    return broker;
  });
  const results = await Promise.allSettled([ensurePython(), ensureTmux(), ...starting]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return await Promise.all(starting);
}

async function denoTest(name: string, files: string[]): Promise<Counts> {
  if (interrupt.signal.aborted) return NONE;
  print(`==> ${name}`);
  const { code, stdout } = await deno(["test", "-A", ...files]);
  return countSummary(stdout, code);
}

/** Runs deno, showing what it prints and keeping its stdout; an interrupt ends it. */
async function deno(args: string[]): Promise<{ code: number; stdout: string }> {
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped" }).spawn();
  const end = () => signal(child.pid, "SIGTERM");
  interrupt.signal.addEventListener("abort", end);
  const decoder = new TextDecoder();
  let stdout = "";
  for await (const chunk of child.stdout) {
    Deno.stdout.writeSync(chunk);
    stdout += decoder.decode(chunk, { stream: true });
  }
  const { code } = await child.status;
  interrupt.signal.removeEventListener("abort", end);
  return { code, stdout };
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    print("0 passed, 1 failed");
    Deno.exit(1);
  }
}
