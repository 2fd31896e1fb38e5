/** The storage goes away in the middle of a backup and of a restore. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { allOf, assertFailed, assertOk, assertWhole, load, runPrinted } from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { deleteQueue, testVhost, waitForDepth } from "./helpers/queues.ts";
import { runCli } from "./helpers/cli.ts";
import { type ProxiedRequest, StorageProxy } from "./helpers/storage_proxy.ts";
import {
  newStore,
  OBJECT_BACKENDS,
  type ObjectBackend,
  storageServers,
} from "./helpers/storages.ts";

/** How long the storage is away. */
const OUTAGE_MS = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_OUTAGE_SECS") ?? 60) * 1000;
const broker = brokers().at(-1)!;

/** Two queues of several segments each, and a storage behind a proxy. */
async function setUp(options: { retry_max_secs: number }, backend: ObjectBackend = "s3") {
  const vhost = await testVhost(broker, "outage");
  const job = await newJob(broker);
  const proxy = await StorageProxy.inFrontOf(storageServers()[backend].endpoint);
  const storage = { ...await newStore(backend), endpoint: proxy.endpoint, ...options };
  const backup = { segment_max_bytes: "64KiB", compression: "none" };
  const config = { vhosts: [vhost.name], storage, backup };
  const loaded = [
    await load(broker, await vhost.queue("one"), 400),
    await load(broker, await vhost.queue("two", { type: "quorum" }), 200),
  ];
  return {
    ...{ job, proxy, config, loaded },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await job[Symbol.asyncDispose]();
      await vhost[Symbol.asyncDispose]();
    },
  };
}

/** From the request of that kind on that comes as the `nth`, no connection lasts, for so long. */
function away(
  proxy: StorageProxy,
  { isMeant, nth, ms }: { isMeant: (request: ProxiedRequest) => boolean; nth: number; ms: number },
) {
  let seen = 0;
  let start: number | undefined;
  proxy.fault = (request) => {
    if (isMeant(request)) seen++;
    if (seen >= nth) start ??= Date.now();
    return start !== undefined && Date.now() - start < ms ? { kind: "reset" } : undefined;
  };
}

const isWrite = ({ method }: ProxiedRequest) => method === "PUT" || method === "POST";
const isSegment = (request: ProxiedRequest) =>
  isWrite(request) && request.path.includes("segment-");
const isRead = ({ method, path }: ProxiedRequest) => method === "GET" && path.includes("segment-");

async function backupRidesOut(backend: ObjectBackend): Promise<void> {
  await using set = await setUp({ retry_max_secs: 300 }, backend);
  const { job, proxy, config, loaded } = set;
  // Behind the lock, the marker and what else comes first; not every store has the key in the path.
  away(proxy, { isMeant: isWrite, nth: 10, ms: OUTAGE_MS });
  const backup = await job.backup(config, ["--json"]);
  assertOk(backup);
  assertWaited(jsonLines(backup, "warning"));
  assert.equal(jsonLines(backup, "summary")[0].messages, 600);
  await assertWhole(broker, ...loaded);
  assertOk(await runCli(["validate", "--deep", ...(await job.backupArgs(config)).slice(1)]));
}

async function restoreRidesOut(backend: ObjectBackend): Promise<void> {
  await using set = await setUp({ retry_max_secs: 300 }, backend);
  const { job, proxy, config, loaded } = set;
  assertOk(await job.backup(config));
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  away(proxy, { isMeant: isRead, nth: 3, ms: OUTAGE_MS });
  const restore = await job.restore(config, ["--json"]);
  assertOk(restore);
  assertWaited(jsonLines(restore, "warning"));
  await assertWhole(broker, ...loaded);
}

// All at once: nearly all of it is waiting.
Deno.test("backups and restores ride out a minute without each kind of storage, and say that they wait", async () => {
  await Promise.all(
    OBJECT_BACKENDS.flatMap((backend) => [backupRidesOut(backend), restoreRidesOut(backend)]),
  );
});

Deno.test("a longer outage ends a backup with the command that goes on, and messages are back", async () => {
  await using set = await setUp({ retry_max_secs: 1 });
  const { job, proxy, config, loaded } = set;
  away(proxy, { isMeant: isSegment, nth: 2, ms: Infinity });
  const failed = await job.backup(config);
  assertFailed(failed, {
    code: 6,
    error: /Cannot store ".*segment-.*" in s3:\/\//,
    hint: /Run it again when the storage answers.*go on with: /,
  });
  for (const { queue, sent } of loaded) await waitForDepth(broker, queue, { depth: sent.length });
  proxy.fault = () => undefined;
  const gone = await runPrinted(failed);
  assertOk(gone);
  assert.match(allOf(gone), /Going on with backup test/);

  for (const { queue } of loaded) await deleteQueue(broker, queue);
  away(proxy, { isMeant: isRead, nth: 3, ms: Infinity });
  const stopped = await job.restore(config);
  assertFailed(stopped, {
    code: 6,
    error: /Cannot read ".*segment-.*" in s3:\/\//,
    hint: /go on with: /,
  });
  proxy.fault = () => undefined;
  assertOk(await runPrinted(stopped));
  await assertWhole(broker, ...loaded);
});

Deno.test("Ctrl-C ends a backup that waits for the storage", async () => {
  await using set = await setUp({ retry_max_secs: 600 });
  const { job, proxy, config } = set;
  away(proxy, { isMeant: isSegment, nth: 1, ms: Infinity });
  const run = await job.startBackup(config);
  await run.waitFor(/Waiting for the storage s3:/, 60_000);
  run.kill("SIGINT");
  const stopped = await run.done;
  assert.equal(stopped.code, 130, allOf(stopped));
  proxy.fault = () => undefined;
  assertOk(await runPrinted(stopped));
});

function assertWaited(warnings: { message: string; hint?: string }[]): void {
  const waits = warnings.filter(({ message }) =>
    /^Waiting for the storage (s3|azure|gs):/.test(message)
  );
  assert.ok(waits.length >= 1, JSON.stringify(warnings));
  assert.match(waits[0]!.hint ?? "", /storage\.retry_max_secs/);
}
