import { join } from "node:path";
import { stringify } from "yaml";
import PQueue from "p-queue";
import { manifestKey } from "../../src/archive/layout.ts";
import { encodeManifest } from "../../src/archive/manifest_io.ts";
import { type Manifest, nothingStored, type QueueEntry } from "../../src/archive/manifest.ts";
import { renderTable } from "../../src/console/text/table.ts";
import { openStorage } from "../../src/storage/open.ts";
import { bytesOf } from "../../src/storage/storage.ts";
import { StorageProxy } from "../../tests/helpers/storage_proxy.ts";
import {
  newStore,
  OBJECT_BACKENDS,
  STORAGES_VARIABLE,
  storageServers,
  storeConfig,
} from "../../tests/helpers/storages.ts";
import { TempDir } from "../../tests/helpers/temp.ts";
import { spoolRandom, transfer } from "../../tests/helpers/transfers.ts";
import { checkoutDir } from "../lib/instances.ts";
import { print, say } from "../lib/output.ts";
import { startStorageServers, stopStorageServers, sweepStorages } from "../lib/storage_servers.ts";
import { measure } from "./process_meter.ts";
import { type Spread, spread } from "./results.ts";

const TIMEOUT_MS = 120_000;
const BACKUPS = 1000;
/** Queues in most backups, and in one of so many. */
const QUEUES = { most: 20, large: 2000, everyNth: 50 };
const TRANSFER = { count: 8, bytes: 128 * 2 ** 20, bytesPerSecond: 40 * 2 ** 20 };

/** Where it takes place. */
export interface StoragePlace {
  readonly folder: string;
  readonly runs: number;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** Listing many backups in each kind of store, and the memory of many segments on their way. */
export async function benchStorage(place: StoragePlace): Promise<void> {
  await using _servers = await ensureServers(place.folder);
  const stores: [name: string, keys: Record<string, unknown>][] = [
    ["filesystem", { backend: "filesystem", path: join(place.folder, "backups") }],
  ];
  for (const backend of OBJECT_BACKENDS) stores.push([backend, await newStore(backend)]);
  const listed: [string, Spread][] = [];
  for (const [name, keys] of stores) {
    say(`storing ${BACKUPS} manifests (${name})`);
    await fill(keys);
    const seconds: number[] = [];
    for (let run = 0; run < place.runs; run++) seconds.push(await listSeconds(place, keys));
    listed.push([name, spread(seconds)!]);
  }
  const peaks = await peakBytes(place);
  if (place.json) {
    print(JSON.stringify({ backups: BACKUPS, list: Object.fromEntries(listed), peaks }));
  } else render(listed, peaks).forEach(print);
}

/** Those that a variable names, or some of its own. */
async function ensureServers(folder: string): Promise<AsyncDisposable> {
  if (Deno.env.get(STORAGES_VARIABLE)) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  await sweepStorages(say);
  const record = await startStorageServers({ owned: true });
  const path = join(folder, "storages.json");
  await Deno.writeTextFile(path, JSON.stringify(record.servers));
  Deno.env.set(STORAGES_VARIABLE, path);
  return { [Symbol.asyncDispose]: () => stopStorageServers(record) };
}

async function fill(keys: Record<string, unknown>): Promise<void> {
  const storage = await openStorage(storeConfig(keys));
  const pool = new PQueue({ concurrency: 16 });
  for (let index = 0; index < BACKUPS; index++) {
    const id = `nightly-${String(index).padStart(4, "0")}`;
    const queues = index % QUEUES.everyNth === 0 ? QUEUES.large : QUEUES.most;
    const bytes = encodeManifest(manifestOf(id, { queues, index }));
    await pool.onSizeLessThan(16);
    void pool.add(() => storage.put(manifestKey(id), bytesOf(bytes)));
  }
  await pool.onIdle();
  await storage.close();
}

function manifestOf(id: string, { queues, index }: { queues: number; index: number }): Manifest {
  return {
    format_version: 2,
    backup_id: id,
    state: "complete",
    created_at: Date.UTC(2026, 0, 1) + index * 86_400_000,
    completed_at: Date.UTC(2026, 0, 1) + index * 86_400_000 + 60_000,
    source_cluster: "bench",
    rabbitmq_version: "4.0.5",
    backup_tool_version: "0",
    compression: "zstd",
    definitions: null,
    queues: Array.from({ length: queues }, (_, at) => queueOf(`orders.${at}`)),
    skipped: [],
    warnings: [],
    total_messages: 0,
    total_body_bytes: 0,
    total_bytes: 0,
    total_segments: 0,
  };
}

function queueOf(name: string): QueueEntry {
  return {
    vhost: "/",
    name,
    queue_type: "classic",
    durable: true,
    auto_delete: false,
    arguments: { "x-queue-type": "classic" },
    ...nothingStored(),
  };
}

/** Of the program, from its start to its exit. */
async function listSeconds(place: StoragePlace, storage: unknown): Promise<number> {
  const { folder, signal } = place;
  const config = join(folder, "list.yaml");
  await Deno.writeTextFile(config, stringify({ storage }), { mode: 0o600 });
  const main = join(checkoutDir(), "main.ts");
  const command = [Deno.execPath(), "run", "-A", main, "list", "--json", "-c", config];
  const options = { folder, timeoutMs: TIMEOUT_MS, signal, brokerPid: undefined };
  const { wallSeconds, stdout } = await measure(command, options);
  const { length } = JSON.parse(stdout).backups;
  if (length !== BACKUPS) throw new Error(`list shows ${length} of ${BACKUPS} backups`);
  return wallSeconds;
}

/** Of a process that stores eight segments at once, and of one that fetches them, by a slow way. */
async function peakBytes({ folder }: StoragePlace): Promise<{ stored: number; fetched: number }> {
  say("moving eight segments of 128 MiB at once");
  await using proxy = await StorageProxy.inFrontOf(storageServers().s3.endpoint);
  proxy.bytesPerSecond = TRANSFER.bytesPerSecond;
  const storage = { ...await newStore("s3"), endpoint: proxy.endpoint };
  const spooled = await spoolRandom(new TempDir(folder), TRANSFER.bytes);
  const order = { storage, spooled, count: TRANSFER.count, folder };
  const stored = await transfer(order);
  const fetched = await transfer({ ...order, fetch: stored.entries });
  return { stored: stored.peakBytes, fetched: fetched.peakBytes };
}

function render(
  listed: readonly (readonly [string, Spread])[],
  peaks: { stored: number; fetched: number },
): string[] {
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  return [
    `list of ${BACKUPS} backups; medians (fewest to most)`,
    "",
    ...renderTable(
      [{ title: "store" }, { title: "wall, s", align: "right" }],
      listed.map(([name, { median, min, max }]) => [
        name,
        `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`,
      ]),
    ),
    "",
    `eight segments of 128 MiB at once, peak memory: ${megabytes(peaks.stored)} stored, ` +
    `${megabytes(peaks.fetched)} fetched`,
  ];
}
