import os from "node:os";
import { join } from "node:path";
import { type TestVhost, testVhost } from "../tests/helpers/queues.ts";
import { Arena, type ArenaPlace, type Sample } from "./benchmark/arena.ts";
import { EARLIER_TOOL } from "./benchmark/earlier_tool.ts";
import { benchStorage } from "./benchmark/storage.ts";
import { benchDefinitions } from "./benchmark/definitions.ts";
import { waitForRest } from "./benchmark/machine_load.ts";
import { BODY_BYTES, writeBodies } from "./benchmark/messages.ts";
import { type BenchOptions, parseOptions, type QueueType, USAGE } from "./benchmark/options.ts";
import { renderProfiles } from "./benchmark/profile.ts";
import { renderReport, type Report } from "./benchmark/report.ts";
import { contestOfStreams } from "./benchmark/streams.ts";
import { type Contest, type Reference, summarize } from "./benchmark/results.ts";
import { benchStartup } from "./benchmark/startup.ts";
import { type BrokerDescription, startBroker } from "./lib/broker.ts";
import { parseExternal } from "./lib/external_broker.ts";
import { print, say } from "./lib/output.ts";
import { askVersion } from "./lib/readiness.ts";
import { sweep } from "./lib/sweep.ts";

const interrupt = new AbortController();

async function main(args: string[]): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  if (options === undefined) {
    print(USAGE);
    return 0;
  }
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => interrupt.abort(new Error("interrupted")));
  }
  if (options.storage || options.startup) {
    const folder = await benchFolder(options);
    try {
      const measure = options.storage ? benchStorage : benchStartup;
      await measure({ ...options, folder, signal: interrupt.signal });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    return 0;
  }
  if (options.address !== undefined) {
    const { amqpUrl, managementUrl } = options.address;
    const description = parseExternal(options.broker, `${amqpUrl},${managementUrl}`);
    await bench(options, {
      broker: { ...description, fullVersion: await askVersion(description) },
      brokerPid: undefined,
    });
    return 0;
  }
  await sweep(say);
  await using broker = await startBroker(options.broker, { onLog: say });
  const isHere = broker.way === "debian";
  await bench(options, { broker, brokerPid: isHere ? broker.pid : undefined });
  return 0;
}

/** What the bench leaves nothing of. */
async function benchFolder({ dir }: BenchOptions): Promise<string> {
  return await Deno.makeTempDir({
    prefix: "rabbitmq-backup-bench-",
    ...(dir === undefined ? {} : { dir }),
  });
}

async function bench(
  options: BenchOptions,
  on: { broker: BrokerDescription; brokerPid: number | undefined },
): Promise<void> {
  const folder = await benchFolder(options);
  let vhost: TestVhost | undefined;
  try {
    if (options.definitions) {
      return await benchDefinitions({ ...options, ...on, folder, signal: interrupt.signal });
    }
    vhost = await testVhost(on.broker, "rabbitmq-backup-bench");
    const { messages } = options;
    const bodies = join(folder, "bodies");
    say(`making ${messages} messages`);
    await writeBodies(bodies, messages);
    const { signal } = interrupt;
    const place = { ...on, vhost: vhost.name, folder, bodies, messages, signal };
    if (options.profile) await profile(options, place);
    else await compare(options, { ...on, place });
  } finally {
    await vhost?.[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Everything, each tool beside its floor. */
async function compare(
  options: BenchOptions,
  on: { broker: BrokerDescription; place: ArenaPlace },
): Promise<void> {
  const { messages, runs } = options;
  const load = [os.loadavg()[0] ?? 0];
  const contests: Contest[] = [];
  for (const type of options.queueTypes) {
    contests.push(
      ...type === "stream"
        ? await contestOfStreams(on.place, { runs, step: stepOf(on.place, "stream") })
        : await contest(type, { runs, ...on }),
    );
  }
  const reference = options.reference ? await measureReference(on.place) : undefined;
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: os.cpus()[0]?.model ?? "unknown",
      cores: os.cpus().length,
      os: `${os.type()} ${os.release()}`,
      load: [...load, os.loadavg()[0] ?? 0],
    },
    versions: { deno: Deno.version.deno, rabbitmq: on.broker.fullVersion },
    messages,
    bodyBytes: BODY_BYTES,
    runs,
    results: contests.map((one) => summarize(one, { messages, reference })),
    reference,
    earlierTool: EARLIER_TOOL,
  };
  if (options.json) print(JSON.stringify(report, null, 2));
  else renderReport(report).forEach(print);
}

/**
 * Backup and restore of one queue type, and their floors. Every reader gets a queue that was just
 * filled, and every publisher an empty one. Who reads what whom has published alternates, as a
 * queue may come out differently from different publishers.
 */
async function contest(
  type: QueueType,
  on: { runs: number; place: ArenaPlace },
): Promise<Contest[]> {
  const { runs, place } = on;
  const arena = new Arena(place, type);
  const backup = { floor: [] as Sample[], ours: [] as Sample[] };
  const restore = { floor: [] as Sample[], ours: [] as Sample[] };
  const first = `bench-${type}-1`; // what all restores restore
  for (let run = 1; run <= runs; run++) {
    const step = stepOf(place, `${type} ${run}/${runs}`);
    const backupId = `bench-${type}-${run}`;
    const readers = [
      () => step(backup.ours, "backup", () => arena.backup({ backupId })),
      () => step(backup.floor, "bare consumer", () => arena.readBare()),
    ];
    if (run % 2 === 0) readers.reverse();
    await arena.createQueue();
    await step(restore.floor, "bare publisher", () => arena.publishBare());
    await readers[0]?.();
    await arena.deleteQueue();
    await arena.createQueue();
    await step(restore.ours, "restore", () => arena.restore({ backupId: first }));
    await readers[1]?.();
    await arena.deleteQueue();
    if (backupId !== first) await arena.removeBackup(backupId);
  }
  await arena.removeBackup(first);
  return [
    { queueType: type, operation: "backup", ...backup },
    { queueType: type, operation: "restore", ...restore },
  ];
}

/** Measures one process after the other, each when the broker has come to rest. */
function stepOf(place: ArenaPlace, name: string) {
  return async (samples: Sample[], what: string, work: () => Promise<Sample>) => {
    await waitForRest(place.brokerPid);
    const sample = await work();
    samples.push(sample);
    say(`${name}  ${what.padEnd(14)}  ${inShort(sample)}`);
  };
}

function inShort(sample: Sample): string {
  const memory = sample.peakMemoryBytes === undefined
    ? ""
    : `, ${Math.round(sample.peakMemoryBytes / 1e6)} MB`;
  const returned = sample.returnedSeconds === undefined
    ? ""
    : ` (${sample.returnedSeconds.toFixed(2)} s returned)`;
  const held = sample.holdSeconds === undefined ? "" : ` (${sample.holdSeconds.toFixed(2)} s held)`;
  const others = sample.otherCores === undefined
    ? ""
    : `, others ${sample.otherCores.toFixed(2)} cores`;
  const { wallSeconds, cpuSeconds } = sample;
  const cpu = `CPU ${cpuSeconds.toFixed(2)} s`;
  return `${wallSeconds.toFixed(2)} s${returned}${held}, ${cpu}${memory}${others}`;
}

/** How much the earlier tool's format takes for the same messages; written by this tool. */
async function measureReference(place: ArenaPlace): Promise<Reference> {
  say("storing the same messages in the earlier tool's format, for its size");
  const arena = new Arena(place, "classic");
  await arena.createQueue();
  await arena.publishBare();
  const backupId = "bench-reference";
  const { storedBytes } = await arena.backup({ backupId, format: "rbak-v1" });
  await arena.deleteQueue();
  await arena.removeBackup(backupId);
  return { storedBytes: storedBytes ?? 0 };
}

/** Backup and restore once each, under the profiler. */
async function profile(options: BenchOptions, place: ArenaPlace): Promise<void> {
  const root = options.profileDir ?? await Deno.makeTempDir({ prefix: "rabbitmq-backup-profile-" });
  for (const type of options.queueTypes) {
    const arena = new Arena(place, type);
    const backupId = `profile-${type}`;
    await arena.createQueue();
    await arena.publishBare();
    for (const operation of ["backup", "restore"] as const) {
      await waitForRest(place.brokerPid);
      const folder = join(root, `${operation}-${type}`);
      const denoArgs = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
      const sample = await arena[operation]({ backupId, denoArgs, threads: true });
      print(`\n== ${operation}, ${type}: ${inShort(sample)}, all under the profiler`);
      (await renderProfiles(folder, sample.threadSeconds)).forEach(print);
      await arena.deleteQueue();
      if (operation === "backup") await arena.createQueue();
    }
    await arena.removeBackup(backupId);
  }
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(interrupt.signal.aborted ? 130 : 1);
}
