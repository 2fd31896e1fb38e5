/** Stored backups that were damaged or tampered with, or never finished. */
import assert from "node:assert/strict";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import {
  allOf,
  assertFailed,
  assertOk,
  assertPartial,
  assertRestores,
  assertWhole,
  type Failure,
  listed,
  load,
} from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { deleteQueue, queueDepth, testVhost } from "./helpers/queues.ts";

const broker: Broker = brokers().at(-1)!;

type Bytes = Uint8Array<ArrayBuffer>;

function flipped(bytes: Bytes): Bytes {
  const copy = bytes.slice();
  copy[copy.length >> 1]! ^= 1;
  return copy;
}

const SEGMENTS: Record<string, { change: (bytes: Bytes) => Bytes | undefined; told: RegExp }> = {
  "a flipped bit": { change: flipped, told: /its CRC-32 is another/ },
  "a cut": { change: (bytes) => bytes.slice(0, -100), told: /bytes/ },
  "a longer one": { change: (bytes) => new Uint8Array([...bytes, 0]), told: /bytes/ },
  "none": { change: () => undefined, told: /it is missing/ },
};

Deno.test("damaged segments", async (context) => {
  await using vhost = await testVhost(broker, "damage");
  const whole = await load(broker, await vhost.queue("whole"));
  const torn = await load(broker, await vhost.queue("torn"), 400);
  await using job = await newJob(broker);
  const backup = { segment_max_bytes: "64KiB", compression: "none" };
  assertOk(await job.backup({ backupId: "other", vhosts: [vhost.name] }));
  assertOk(await job.backup({ vhosts: [vhost.name], backup }));
  const manifest = await job.manifest();
  const entry = manifest.queues.find(({ name }: { name: string }) => name === "torn");
  assert.ok(entry.segments.length > 3);
  const segment = entry.segments.at(2);
  const path = `${job.backups}/${segment.key}`;
  const good = await Deno.readFile(path);
  const onlyTorn = { queues: { include: ["torn"] } };

  for (const [name, { change, told }] of Object.entries(SEGMENTS)) {
    await context.step(name, async () => {
      const bytes = change(good);
      if (bytes === undefined) await Deno.remove(path);
      else await Deno.writeFile(path, bytes);

      const validated = await job.validate();
      assert.equal(validated.code, 4, allOf(validated));
      assert.match(validated.stdout, told);
      assert.ok(validated.stdout.includes(segment.key), validated.stdout);
      assertOk(await job.validate("other"));

      // What comes before the damage is restored, in order, and not a message of the segment.
      for (const { queue } of [whole, torn]) await deleteQueue(broker, queue);
      assertFailed(await job.restore({ restore: onlyTorn }), {
        code: 4,
        error: /segment-0003/,
        hint: /validate --deep/,
      });
      const before = entry.segments[0].record_count + entry.segments[1].record_count;
      assert.equal(await queueDepth(broker, torn.queue), before);

      // The other queue is whole, and the result says what is not.
      assertPartial(await job.restore(), /torn \(damage-.*segment-0003/, /1 failed/);
      await assertWhole(broker, whole);

      // Mended, for instance from a copy: the same command goes on.
      await Deno.writeFile(path, good);
      const mended = await job.restore({ restore: onlyTorn }, ["--json"]);
      assertOk(mended);
      assert.equal(jsonLines(mended, "summary")[0].possible_duplicates, 0);
      await assertWhole(broker, whole, torn);
    });
  }
});

// deno-lint-ignore no-explicit-any
type Manifest = any;

interface ManifestCase extends Pick<Failure, "error" | "hint"> {
  change: (text: string) => string;
}

function edited(change: (manifest: Manifest) => void): (text: string) => string {
  return (text) => {
    const manifest = JSON.parse(text);
    change(manifest);
    return JSON.stringify(manifest);
  };
}

const EVIL = "/nonexistent/../../etc/passwd";

const MANIFESTS: Record<string, ManifestCase> = {
  "no JSON": {
    change: () => "not a manifest",
    error: /^Cannot read manifest "test\/manifest\.json": it is no JSON$/,
    hint: /Bring it back from a copy of the backup/,
  },
  "cut off": {
    change: (text) => text.slice(0, text.length >> 1),
    error: /^Cannot read manifest "test\/manifest\.json": it is no JSON$/,
    hint: /Bring it back from a copy of the backup/,
  },
  "empty": {
    change: () => "",
    error: /^Cannot read manifest "test\/manifest\.json": it is no JSON$/,
    hint: /Bring it back from a copy of the backup/,
  },
  "of a later version": {
    change: edited((manifest) => manifest.format_version = 3),
    error: /it has format version 3; this tool knows 1 and 2$/,
    hint: /Use the version of rabbitmq-backup that wrote it/,
  },
  "of another backup": {
    change: edited((manifest) => manifest.backup_id = "other"),
    error: /^Cannot read manifest "test\/manifest\.json": it belongs to backup "other"$/,
    hint: /Give the backup's folder the name it had/,
  },
  "without what belongs in it": {
    change: edited((manifest) => delete manifest.queues[0].segments[0].checksum),
    error: /^Cannot read manifest .*: queues\.0\.segments\.0\.checksum/,
    hint: /Bring it back from a copy of the backup/,
  },
  "that leads out of the storage": {
    change: edited((manifest) => manifest.queues[0].segments[0].key = `test/queues/..${EVIL}`),
    error: /names segment "test\/queues\/\.\.\/nonexistent.*belongs there$/,
    hint: /Bring it back from a copy of the backup/,
  },
  "that leads to another backup": {
    change: edited((manifest) => {
      const segment = manifest.queues[0].segments[0];
      segment.key = segment.key.replace(/^test\//, "other/");
    }),
    error: /names segment "other\/queues\/.*belongs there$/,
    hint: /Bring it back from a copy of the backup/,
  },
  "with definitions from elsewhere": {
    change: edited((manifest) => manifest.definitions.key = EVIL),
    error: /names definitions .* outside of their place$/,
    hint: /Bring it back from a copy of the backup/,
  },
};

Deno.test("damaged manifests", async (context) => {
  await using vhost = await testVhost(broker, "manifest");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using job = await newJob(broker);
  const config = { vhosts: [vhost.name] };
  assertOk(await job.backup({ backupId: "other", ...config }));
  assertOk(await job.backup(config));
  const path = `${job.backups}/test/manifest.json`;
  const good = await Deno.readTextFile(path);

  for (const [name, { change, error, hint }] of Object.entries(MANIFESTS)) {
    await context.step(`a manifest ${name}`, async () => {
      const bad = change(good);
      await Deno.writeTextFile(path, bad);
      assertFailed(await job.restore({ restore: { if_not_empty: "append" } }), {
        code: 4,
        error,
        hint,
      });
      assertFailed(await runCli(["describe", "-p", job.backups, "-b", "test"]), {
        code: 4,
        error,
        hint,
      });
      const validated = await job.validate();
      assert.equal(validated.code, 4, allOf(validated));
      const found = await listed(job);
      assert.equal(found["test"].state, "damaged");
      assert.equal(found["other"].state, "complete");
      // Damaged is not absent: nothing is put in its place.
      assertFailed(await job.backup(config), {
        code: 7,
        error: /^Cannot start backup "test": it exists already and is finished$/,
        hint: /choose another backup_id/,
      });
      assert.equal(await Deno.readTextFile(path), bad);
    });
  }
  assert.equal(await queueDepth(broker, loaded.queue), loaded.sent.length);
  assertOk(await job.validate("other"));
  await assertRestores(broker, { job, config: { backupId: "other" }, loaded: [loaded] });
});
