import { join } from "node:path";
import { cacheDir, exists, withLock } from "./cache.ts";
import { ensureGoTool } from "./go_tool.ts";
import { checkoutDir } from "./instances.ts";
import { say } from "./output.ts";
import { chooseFreePorts } from "./ports.ts";
import {
  aptInstall,
  canAptInstall,
  isOnPath,
  isRunning,
  markOf,
  mustRun,
  type ProcessMark,
  signal,
  sleep,
  waitForEnd,
} from "./process.ts";
import { ignoreMissing } from "./roots.ts";

/** How to reach the storage servers of a run. */
export interface StorageServers {
  readonly s3: { endpoint: string; accessKey: string; secretKey: string };
  /** The endpoint has the account in its path. */
  readonly azure: { endpoint: string; account: string; key: string };
  readonly gcs: { endpoint: string };
}

/** What is recorded of servers that a script started, in `<cache>/storage-servers/run-<id>.json`. */
export interface StorageRecord {
  readonly id: string;
  /** The folder whose scripts started them. */
  readonly checkout: string;
  /** The process that will stop them; null when `scripts/storage down` will. */
  readonly owner: ProcessMark | null;
  readonly processes: readonly ProcessMark[];
  readonly servers: StorageServers;
}

// The last state of the project before its repository was archived.
const MINIO = {
  name: "minio",
  module: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
};
const FAKE_GCS = {
  name: "fake-gcs-server",
  module: "github.com/fsouza/fake-gcs-server@v1.52.3",
};
const AZURITE = "azurite@3.37.0";
/** Azurite's own, which everybody knows. */
const AZURITE_ACCOUNT = "devstoreaccount1";
const AZURITE_KEY =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/** For server-side encryption in tests. */
const MINIO_KMS_KEY = `test-key:${btoa("0123456789abcdef0123456789abcdef")}`;
const READY_WITHIN_MS = 60_000;

/**
 * Starts MinIO, Azurite and fake-gcs-server on ports of their own, with folders of their own; sets
 * up first what is missing.
 *
 * @param options.owned end with this process, at the latest by a later {@linkcode sweepStorages}
 */
export async function startStorageServers(options: { owned: boolean }): Promise<StorageRecord> {
  const [minio, fakeGcs, azurite] = await Promise.all([
    ensureGoTool(MINIO),
    ensureGoTool(FAKE_GCS),
    ensureAzurite(),
  ]);
  const [s3Port, azurePort, gcsPort] = chooseFreePorts(3) as [number, number, number];
  const id = crypto.randomUUID().slice(0, 8);
  const url = (port: number) => `http://127.0.0.1:${port}`;
  const servers: StorageServers = {
    s3: { endpoint: url(s3Port), accessKey: "test-root", secretKey: crypto.randomUUID() },
    azure: {
      endpoint: `${url(azurePort)}/${AZURITE_ACCOUNT}`,
      account: AZURITE_ACCOUNT,
      key: AZURITE_KEY,
    },
    gcs: { endpoint: url(gcsPort) },
  };
  const folder = folderOf(id);
  await Deno.mkdir(folder, { recursive: true });
  const processes = [
    spawn(folder, {
      command: [minio, "server", "--quiet", "--address", `127.0.0.1:${s3Port}`, `${folder}/minio`],
      env: {
        MINIO_ROOT_USER: servers.s3.accessKey,
        MINIO_ROOT_PASSWORD: servers.s3.secretKey,
        MINIO_KMS_SECRET_KEY: MINIO_KMS_KEY,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
      },
    }),
    spawn(folder, {
      command: [
        ...[Deno.execPath(), "run", "-A", "--no-lock", azurite],
        ...["--blobHost", "127.0.0.1", "--blobPort", `${azurePort}`, "--location", folder],
        ...["--skipApiVersionCheck", "--disableTelemetry", "--silent"],
      ],
    }),
    spawn(folder, {
      command: [
        ...[fakeGcs, "-scheme", "http", "-host", "127.0.0.1", "-port", `${gcsPort}`],
        ...["-backend", "memory", "-external-url", servers.gcs.endpoint, "-log-level", "error"],
      ],
    }),
  ];
  const owner = options.owned ? markOf(Deno.pid) ?? null : null;
  const record = { id, checkout: checkoutDir(), owner, processes, servers };
  await Deno.writeTextFile(recordPath(id), JSON.stringify(record, null, 2));
  try {
    const ports = [s3Port, azurePort, gcsPort];
    await Promise.all(
      ports.map((port, index) => untilAnswers(url(port), { folder, process: processes[index]! })),
    );
  } catch (error) {
    await stopStorageServers(record);
    throw error;
  }
  say(`storage servers: MinIO ${s3Port}, Azurite ${azurePort}, fake-gcs-server ${gcsPort}`);
  return record;
}

/** Ends servers by their record alone, and removes what they stored. */
export async function stopStorageServers({ id, processes }: StorageRecord): Promise<void> {
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    for (const mark of processes.filter(isRunning)) signal(mark.pid, name);
    if (await waitForEnd(processes, 5000)) break;
  }
  await Deno.remove(folderOf(id), { recursive: true }).catch(ignoreMissing);
  await Deno.remove(recordPath(id)).catch(ignoreMissing);
}

/** Servers that scripts have started and not stopped. */
export async function listStorageServers(): Promise<StorageRecord[]> {
  const found: StorageRecord[] = [];
  try {
    for await (const { name } of Deno.readDir(serversDir())) {
      if (!/^run-.*\.json$/.test(name)) continue;
      found.push(JSON.parse(await Deno.readTextFile(join(serversDir(), name))));
    }
  } catch (error) {
    ignoreMissing(error);
  }
  return found;
}

/** Ends servers whose owner ended without doing it, such as after a crash. */
export async function sweepStorages(onLog: (line: string) => void): Promise<void> {
  for (const record of await listStorageServers()) {
    if (record.owner === null || isRunning(record.owner)) continue;
    onLog(`ending storage servers ${record.id}, left by a process that has ended`);
    await stopStorageServers(record);
  }
}

function serversDir(): string {
  return join(cacheDir(), "storage-servers");
}

function folderOf(id: string): string {
  return join(serversDir(), `run-${id}`);
}

function recordPath(id: string): string {
  return join(serversDir(), `run-${id}.json`);
}

async function ensureAzurite(): Promise<string> {
  const dir = join(serversDir(), AZURITE);
  const main = join(dir, "node_modules", "azurite", "dist", "src", "blob", "main.js");
  if (await exists(main)) return main;
  return await withLock("azurite", async () => {
    if (await exists(main)) return main;
    if (!await isOnPath("npm")) {
      if (!await canAptInstall()) throw new Error("Cannot install Azurite: npm is not on PATH");
      await aptInstall("npm");
    }
    say(`installing ${AZURITE} with npm into ${dir}`);
    const unfinished = `${dir}.new`;
    await Deno.remove(unfinished, { recursive: true }).catch(ignoreMissing);
    await Deno.mkdir(unfinished, { recursive: true });
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await mustRun(["npm", "install", "--prefix", unfinished, ...quiet, AZURITE]);
    await Deno.rename(unfinished, dir);
    return main;
  });
}

/** Starts a server that outlives this process; its output goes to a file in the folder. */
function spawn(
  folder: string,
  { command, env = {} }: { command: readonly string[]; env?: Record<string, string> },
): ProcessMark {
  // The shell becomes the server, whose process it then is.
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" >>server.log 2>&1', "sh", ...command],
    cwd: folder,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  return markOf(child.pid)!;
}

async function untilAnswers(
  url: string,
  { folder, process }: { folder: string; process: ProcessMark },
): Promise<void> {
  const end = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await response.body?.cancel();
      return;
    } catch (error) {
      if (Date.now() > end || !isRunning(process)) {
        const log = await Deno.readTextFile(join(folder, "server.log")).catch(() => "");
        const tail = log.trimEnd().split("\n").slice(-15).join("\n");
        throw new Error(`Cannot start the storage server at ${url}. Its log ends:\n${tail}`, {
          cause: error,
        });
      }
      await sleep(100);
    }
  }
}
