import assert from "node:assert/strict";
import { tempDir } from "../../../tests/helpers/temp.ts";
import type { RunKey } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import type { Config } from "../../config/config.ts";
import type { AppError } from "../../errors.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf, readAll } from "../../storage/storage.ts";
import { storeCopy } from "./copy_file.ts";
import { takeFoundCopy } from "./found_copy.ts";
import { copyKey, lockFolder } from "./keys.ts";

const KEY: RunKey = { operation: "restore", backupId: "b", location: "/one", scope: "mq:5672" };
const HERE: RunKey = { ...KEY, location: "/two" };
const { signal } = new AbortController();
const configOf = (s3_key?: string) => ({ offset_storage: { s3_key } }) as Config;
const config = configOf();

interface Copied {
  sequence: number;
  writer: string;
  /** How far it is. */
  confirmed: number;
}

/** Two machines: one that has stored a copy, and this one. */
async function setUp() {
  const dir = await tempDir();
  const storage = new MemoryStorage(crypto.randomUUID());
  const there = CheckpointStore.open(dir.join("there.db"));
  const here = CheckpointStore.open(dir.join("here.db"));
  const warnings: string[] = [];
  const row = (confirmed: number) => ({
    ...{ vhost: "/", name: "q", unsettled: 0, resent: 0, done: false },
    confirmed,
  });
  return {
    ...{ dir, storage, here, warnings, row },
    async copy({ sequence, writer, confirmed }: Copied): Promise<void> {
      const run = there.runs.start(KEY, { peer: "1", startedAt: 5 });
      there.restores.putQueue(run.id, row(confirmed));
      const to = dir.join(`copy-${sequence}`);
      await there.copyRun(run.id, { to, stamp: { sequence, writer }, ahead: [], signal });
      await storeCopy(storage, { key: copyKey(config, KEY), path: to, signal });
    },
    take: (peer?: string) =>
      takeFoundCopy({
        ...{ config, key: HERE, storage, local: here, into: here, path: dir.join("found") },
        peer,
        emit: (event) => event.type === "warning" && warnings.push(event.message),
        signal,
      }),
    confirmed: () => here.restores.queues(here.runs.find(HERE)!.id)[0]!.confirmed,
    async [Symbol.asyncDispose]() {
      there[Symbol.dispose]();
      here[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

Deno.test("takeFoundCopy: where nothing is known, what is in the storage counts", async () => {
  await using set = await setUp();
  assert.equal(await set.take(), false);
  await set.copy({ sequence: 3, writer: "there", confirmed: 7 });
  assert.equal(await set.take("1"), true);
  assert.equal(set.confirmed(), 7);
  assert.deepEqual(set.here.runs.copyStamp(set.here.runs.find(HERE)!.id), {
    sequence: 3,
    writer: "there",
  });
  // What is done here since then is not undone by it.
  set.here.restores.putQueue(set.here.runs.find(HERE)!.id, set.row(9));
  assert.equal(await set.take("1"), false);
  assert.equal(set.confirmed(), 9);
  // Another machine has gone on.
  await set.copy({ sequence: 4, writer: "third", confirmed: 20 });
  assert.equal(await set.take("1"), true);
  assert.equal(set.confirmed(), 20);
  assert.deepEqual([...Deno.readDirSync(set.dir.path)].filter(({ name }) => name === "found"), []);
});

Deno.test("takeFoundCopy: a copy of this machine's own, or behind it, is not taken", async () => {
  await using set = await setUp();
  const run = set.here.runs.start(HERE, { peer: "1", startedAt: 5 });
  set.here.restores.putQueue(run.id, set.row(9));
  set.here.runs.putCopyStamp(run.id, { sequence: 5, writer: "here" });
  set.here.runs.addLockOwner(HERE, "here, killed before it could record it");
  for (
    const copied of [
      { sequence: 5, writer: "here", confirmed: 1 },
      { sequence: 6, writer: "here, killed before it could record it", confirmed: 1 },
      { sequence: 4, writer: "there", confirmed: 1 },
    ]
  ) {
    await set.copy(copied);
    assert.equal(await set.take(), false, JSON.stringify(copied));
    assert.equal(set.confirmed(), 9);
  }
});

Deno.test("takeFoundCopy: one of another backup of that id is told and not taken", async () => {
  await using set = await setUp();
  await set.copy({ sequence: 3, writer: "there", confirmed: 7 });
  assert.equal(await set.take("2"), false);
  assert.match(set.warnings.join(), /is of another backup that had the same id/);
});

Deno.test("takeFoundCopy: every damaged byte is found, and told by what else is known", async () => {
  await using set = await setUp();
  await set.copy({ sequence: 3, writer: "there", confirmed: 7 });
  const key = copyKey(config, KEY);
  const whole = await readAll(set.storage.get(key), 1e8);
  const places = [0, 17, 4100, whole.length >> 1, whole.length - 90, whole.length - 2];
  for (const at of places) {
    const bytes = whole.slice();
    bytes[at]! ^= 4;
    await set.storage.put(key, bytesOf(bytes));
    await assert.rejects(set.take(), (error: AppError) => {
      assert.equal(error.code, "damaged", `byte ${at}`);
      assert.match(error.message, /^Cannot go on with restore "b": the copy of its progress/);
      return true;
    });
  }
  for (const length of [0, 5, 100, whole.length - 1]) {
    await set.storage.put(key, bytesOf(whole.slice(0, length)));
    await assert.rejects(set.take(), { code: "damaged" });
  }
  const run = set.here.runs.start(HERE, { peer: "1", startedAt: 5 });
  set.here.restores.putQueue(run.id, set.row(9));
  assert.equal(await set.take(), false);
  assert.match(set.warnings.join(), /^Going on without it: the copy of its progress/);
});

Deno.test("keys: runs have none in common", () => {
  const backup: RunKey = { ...KEY, operation: "backup", scope: "" };
  assert.equal(lockFolder(backup), "b/runs/backup/lock");
  assert.match(lockFolder(KEY), /^b\/runs\/restore-[0-9a-f]{16}\/lock$/);
  assert.equal(copyKey(config, backup), "b/runs/backup/checkpoint.db");
  assert.equal(copyKey(configOf("state/offsets.db"), backup), "state/offsets.db.b");
  assert.equal(copyKey(configOf("state/{backup_id}.db"), backup), "state/b.db");
  assert.match(copyKey(configOf("s/{backup_id}"), KEY), /^s\/b\.restore-[0-9a-f]{16}$/);
  const keys = [KEY, { ...KEY, scope: "other:5672" }, backup, { ...KEY, backupId: "c" }];
  for (const s3Key of [undefined, "k", "k/{backup_id}"]) {
    assert.equal(new Set(keys.map((key) => copyKey(configOf(s3Key), key))).size, keys.length);
  }
});
