import assert from "node:assert/strict";
import { tempDir } from "../../../tests/helpers/temp.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load.ts";
import { AppError } from "../../errors.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import type { PutOptions, Storage } from "../../storage/storage.ts";
import { checkClock } from "./clock.ts";
import { Findings } from "./findings.ts";
import { checkMachine } from "./machine.ts";
import { managementNeeds, neededTag } from "./needs.ts";
import { leastPolicies } from "./policies.ts";
import { probePutIfAbsent } from "./storage_probe.ts";

async function configOf(text: string): Promise<Config> {
  await using dir = await tempDir();
  const path = await dir.write("config.yaml", text);
  return (await loadConfig({ path, env: () => undefined })).config;
}

const BOTH = `
source: {amqp_url: "amqp://backup:pw@mq", queues: {vhosts: [shop, "it's"]}}
target: {amqp_url: "amqp://restore:pw@mq", management_username: boss, management_password: pw}
`;

Deno.test("clock: what is far off is told, with who refuses it", () => {
  const now = Date.UTC(2026, 0, 1);
  const statusOf = (offsetMs: number, refuses: boolean) => {
    const findings = new Findings();
    const reading = { whose: "the storage's", theirs: now + offsetMs, ours: now, refuses };
    checkClock(findings.of("storage"), reading);
    return findings.all[0]!.status;
  };
  assert.deepEqual([0, 900, -20_000].map((ms) => statusOf(ms, true)), ["ok", "ok", "ok"]);
  assert.deepEqual([60_000, -60_000].map((ms) => statusOf(ms, true)), ["warning", "warning"]);
  assert.deepEqual([true, false].map((refuses) => statusOf(3_600_000, refuses)), [
    "failed",
    "warning",
  ]);
});

Deno.test("put-if-absent: a store that ignores the condition is found out", async () => {
  const status = async (storage: Storage) => {
    const findings = new Findings();
    await probePutIfAbsent(findings.of("storage"), storage, "k");
    return findings.all.map(({ status, message }) => `${status}: ${message}`);
  };
  const honest = new MemoryStorage(`doctor-${crypto.randomUUID()}`);
  assert.match((await status(honest)).join(), /^ok: .* one is refused$/);
  const careless = new MemoryStorage(`doctor-${crypto.randomUUID()}`);
  const put = careless.put.bind(careless);
  careless.put = (key, source, { ifAbsent: _, ...options }: PutOptions = {}) =>
    put(key, source, options);
  assert.match((await status(careless)).join(), /^failed: .* both succeed: .*If-None-Match/);
  // A failure of another kind is no verdict.
  const broken = new MemoryStorage(`doctor-${crypto.randomUUID()}`);
  broken.put = () => Promise.reject(new AppError("storage_denied", "Cannot store"));
  await assert.rejects(status(broken), { code: "storage_denied" });
});

Deno.test("machine: folders that cannot be written to, and a spool that is too small", async () => {
  await using dir = await tempDir();
  await dir.write("file", "");
  const config = await configOf(BOTH);
  const told = async (places: { db: string; spool: string }, largestQueueBytes: number) => {
    const findings = new Findings();
    await checkMachine(findings.of("machine"), {
      ...config,
      offset_storage: { backend: "sqlite", db_path: dir.join(places.db), sync_interval_secs: 30 },
      backup: { ...config.backup, spool_dir: dir.join(places.spool), spool_max_bytes: 5e6 },
    }, { largestQueueBytes });
    return findings.all.map(({ check, status }) => `${check} ${status}`);
  };
  assert.deepEqual(await told({ db: "new/state.db", spool: "new/spool" }, 1e6), [
    "progress ok",
    "spool ok",
  ]);
  assert.deepEqual(await told({ db: "state.db", spool: "spool" }, 1e7), [
    "progress ok",
    "spool warning",
  ]);
  assert.deepEqual(await told({ db: "file/state.db", spool: "file/spool" }, 0), [
    "progress failed",
    "spool failed",
  ]);
  assert.deepEqual(Array.from(Deno.readDirSync(dir.path), ({ name }) => name), ["file"]);
});

Deno.test("policies: the user's tags and permissions follow from the configuration", async () => {
  const linesOf = async (more: string, side: "backup" | "restore") => {
    const config = await configOf(`${BOTH}storage: memory://\n${more}`);
    return (await leastPolicies(config, side))[0]!.text.split("\n");
  };
  assert.deepEqual(await linesOf("backup: {include_definitions: false}", "backup"), [
    "rabbitmqctl add_user backup  # asks for its password",
    "rabbitmqctl set_user_tags backup monitoring",
    "rabbitmqctl set_permissions -p shop backup '^$' '^amq\\.default$' '.*'",
    "rabbitmqctl set_permissions -p 'it'\\''s' backup '^$' '^amq\\.default$' '.*'",
  ]);
  const restore = await linesOf(
    "restore: {restore_definitions: true, create_missing_queues: false, queues: {vhosts: [a, 'b*']}}",
    "restore",
  );
  assert.deepEqual(restore.slice(0, 5), [
    "rabbitmqctl add_user restore  # asks for its password",
    "rabbitmqctl add_user boss  # asks for its password",
    "rabbitmqctl set_user_tags restore impersonator",
    "rabbitmqctl set_user_tags boss administrator",
    "rabbitmqctl set_permissions -p a restore '^$' '.*' '^$'",
  ]);
  assert.ok(restore.some((line) => /list_vhosts \| while read -r vhost; do$/.test(line)));
  const dropping = await linesOf("restore: {user_id: drop}", "restore");
  assert.ok(!dropping.some((line) => line.includes("impersonator")));
});

Deno.test("policies: of a store only what its options need", async () => {
  const policyOf = async (storage: string, side: "backup" | "restore", restore = "{}") => {
    const config = await configOf(`${BOTH}storage: ${storage}\nrestore: ${restore}`);
    return (await leastPolicies(config, side)).slice(1).map(({ text }) => text).join("\n");
  };
  const s3 = "{backend: s3, bucket: bu, prefix: /p/, tags: {a: b}, object_lock_mode: GOVERNANCE, " +
    "object_lock_days: 1, sse: aws:kms, sse_kms_key_id: 'arn:aws:kms:r:1:key/k'}";
  const backup = await policyOf(s3, "backup");
  for (const right of ["PutObjectTagging", "PutObjectRetention", "kms:GenerateDataKey"]) {
    assert.ok(backup.includes(right), right);
  }
  assert.match(backup, /"arn:aws:s3:::bu\/p\/\*\/unfinished\.json"/);
  assert.doesNotMatch(await policyOf("{backend: s3, bucket: bu}", "backup"), /Tagging|kms|Reten/);
  const restore = await policyOf(s3, "restore");
  assert.doesNotMatch(restore, /Put|Delete|GenerateDataKey/);
  const importing = await policyOf(s3, "restore", "{restore_definitions: true}");
  assert.match(importing, /PutObject[^]*bu\/p\/\*\/definitions\/rollback-before-import-\*/);

  const azure = "{backend: azure, account_name: acc, container_name: con, tags: {a: b}}";
  assert.match(await policyOf(azure, "backup"), /blobs\/delete[^]*tags\/write[^]*rcwdlt/);
  assert.match(await policyOf(azure, "restore"), /blobs\/read"\n[^]*--permissions rl /);
  const gcs = "{backend: gcs, bucket: bu, user_project: payer}";
  assert.match(await policyOf(gcs, "backup"), /objects\.delete[^]*payer/);
  assert.doesNotMatch(await policyOf(gcs, "restore"), /delete|create,|\.create /);
  assert.match(await policyOf("/var/back ups", "backup"), /-m 0700 .* '\/var\/back ups'$/);
});

Deno.test("needs: the one tag that is enough", async () => {
  const tagOf = async (text: string, side: "backup" | "restore") =>
    neededTag(managementNeeds(await configOf(`${BOTH}${text}`), side));
  assert.equal(await tagOf("", "backup"), "administrator");
  assert.equal(await tagOf("backup: {include_definitions: false}", "backup"), "monitoring");
  assert.equal(await tagOf("", "restore"), "monitoring");
  assert.equal(await tagOf("restore: {create_missing_vhosts: true}", "restore"), "administrator");
});
