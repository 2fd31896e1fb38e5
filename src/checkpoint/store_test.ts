import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { type TempDir, tempDir } from "../../tests/helpers/temp.ts";
import { canMount, SmallDisk } from "../../tests/helpers/small_disk.ts";
import { AppError, type ErrorCode } from "../errors.ts";
import type { BackupQueueRow, RestoreQueueRow, RunKey, SegmentRow } from "./rows.ts";
import { APPLICATION_ID } from "./schema.ts";
import { CheckpointStore } from "./store.ts";

const KEY: RunKey = { operation: "backup", backupId: "nightly", location: "/backups", scope: "" };
const MODE = 0o777;

function refusedWith(code: ErrorCode, message: RegExp) {
  return (error: unknown): true => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot use checkpoint "/);
    assert.ok(error.hint !== undefined);
    return true;
  };
}

function segment(sequence: number, stored = false): SegmentRow {
  const timestamps = { firstTimestamp: 1_700_000_000_000, lastTimestamp: 1_700_000_000_001 };
  return {
    sequence,
    spooled: { file: `/spool/segment-${sequence}`, recordCount: 10, bytes: 1000, ...timestamps },
    stored: stored
      ? {
        key: `nightly/queues/%2F/q/segment-${sequence}`,
        sequence,
        record_count: 10,
        size_bytes: 500,
        uncompressed_bytes: 1000,
        first_timestamp: 1,
        last_timestamp: 2,
        checksum: "ab".repeat(32),
      }
      : undefined,
  };
}

Deno.test("checkpoint: a new file is its owner's alone, in a folder that is too", async () => {
  await using dir = await tempDir();
  const path = dir.join("made", "for it", "state.db");
  using store = CheckpointStore.open(path);
  store.runs.start(KEY, { peer: "cluster", startedAt: 1 });
  assert.equal(Deno.statSync(path).mode! & MODE, 0o600);
  assert.equal(Deno.statSync(dir.join("made", "for it")).mode! & MODE, 0o700);
  for (const { name } of Deno.readDirSync(dir.join("made", "for it"))) {
    assert.equal(Deno.statSync(dir.join("made", "for it", name)).mode! & MODE, 0o600, name);
  }
});

Deno.test("checkpoint: what was written is there when it is opened again", async () => {
  await using dir = await tempDir();
  const path = dir.join("state.db");
  const queue = { vhost: "/", name: "orders" };
  const row = { ...queue, state: "read" as const, report: { startedAt: 7 } };
  {
    using store = CheckpointStore.open(path);
    const run = store.runs.start(KEY, {
      peer: "rabbit@one",
      startedAt: 1_700_000_000_000,
      choice: '{"a":"b"}',
    });
    store.backups.putCaptured(run.id, row, [segment(1), segment(2)]);
    store.backups.putSegment(run.id, queue, segment(1, true));
  }
  using store = CheckpointStore.open(path);
  const run = store.runs.find(KEY)!;
  assert.deepEqual(
    { ...run, id: 0 },
    {
      ...KEY,
      id: 0,
      peer: "rabbit@one",
      state: "running",
      startedAt: 1_700_000_000_000,
      choice: '{"a":"b"}',
    },
  );
  assert.deepEqual(store.backups.queues(run.id), [row]);
  assert.deepEqual(store.backups.segments(run.id, queue), [segment(1, true), segment(2)]);
  store.runs.finish(run.id);
  assert.equal(store.runs.find(KEY)!.state, "done");
});

Deno.test("checkpoint: every part of a run's key counts", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("state.db"));
  const keys: RunKey[] = [
    KEY,
    { ...KEY, operation: "restore" },
    { ...KEY, backupId: "nightly2" },
    { ...KEY, backupId: "Nightly" },
    { ...KEY, backupId: "nightly\0" },
    { ...KEY, location: "/backups/" },
    { ...KEY, scope: "other" },
  ];
  const ids = keys.map((key, index) =>
    store.runs.start(key, { peer: `peer ${index}`, startedAt: index }).id
  );
  assert.equal(new Set(ids).size, keys.length);
  keys.forEach((key, index) => {
    assert.deepEqual(store.runs.find(key), {
      ...key,
      id: ids[index],
      peer: `peer ${index}`,
      state: "running",
      startedAt: index,
      choice: "",
    });
  });
  assert.equal(store.runs.find({ ...KEY, backupId: "unknown" }), undefined);
});

Deno.test("checkpoint: a run that is started anew forgets all of its rows, and no other's", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("state.db"));
  const queue = { vhost: "/", name: "q" };
  const position = { ...queue, confirmed: 1, unsettled: 2, resent: 3, done: true };
  const fill = (id: number) => {
    store.backups.putCaptured(id, { ...queue, state: "read", report: {} }, [segment(1)]);
    store.restores.putQueue(id, position);
  };
  const other = store.runs.start({ ...KEY, backupId: "other" }, { peer: "", startedAt: 0 });
  fill(other.id);
  const first = store.runs.start(KEY, { peer: "", startedAt: 0 });
  fill(first.id);
  const second = store.runs.start(KEY, { peer: "again", startedAt: 5 });
  for (const id of new Set([first.id, second.id])) {
    assert.deepEqual(store.backups.queues(id), []);
    assert.deepEqual(store.backups.segments(id, queue), []);
    assert.deepEqual(store.restores.queues(id), []);
  }
  assert.equal(store.backups.segments(other.id, queue).length, 1);
  assert.deepEqual(store.restores.queues(other.id), [position]);
  assert.equal(store.runs.find(KEY)!.peer, "again");
});

Deno.test("checkpoint: opened to be read, it and its folder stay as they are", async () => {
  await using dir = await tempDir();
  const path = dir.join("state.db");
  const files = () => [...Deno.readDirSync(dir.path)].map(({ name }) => name).sort();
  const row = { vhost: "/", name: "q", confirmed: 1, unsettled: 2, resent: 3, done: false };
  const key: RunKey = { ...KEY, operation: "restore" };
  assert.equal(CheckpointStore.openToRead(path), undefined);
  await Deno.writeFile(path, new Uint8Array());
  assert.equal(CheckpointStore.openToRead(path), undefined);
  assert.deepEqual([files(), Deno.statSync(path).size], [["state.db"], 0]);

  const { id } = CheckpointStore.open(path).runs.start(key, { peer: "", startedAt: 0 });
  const writing = CheckpointStore.open(path);
  writing.restores.putQueue(id, { ...row, unbound: true });
  {
    // What is still in the log of a process that writes, or was killed, is there as well.
    using reading = CheckpointStore.openToRead(path)!;
    assert.deepEqual(reading.restores.queues(id), [{ ...row, unbound: true }]);
    assert.throws(() => reading.runs.finish(id), refusedWith("storage_denied", /readonly/));
  }
  writing.restores.putQueue(id, row);
  writing[Symbol.dispose]();
  const before = Deno.readFileSync(path);
  {
    using reading = CheckpointStore.openToRead(path)!;
    assert.equal(reading.runs.find(key)?.id, id);
    assert.deepEqual(reading.restores.queues(id), [row]);
  }
  assert.deepEqual(Deno.readFileSync(path), before);
});

Deno.test("checkpoint: one of an older schema can be read as it is", async () => {
  await using dir = await tempDir();
  const path = dir.join("state.db");
  const row = { vhost: "/", name: "q", confirmed: 1, unsettled: 2, resent: 3, done: true };
  {
    using store = CheckpointStore.open(path);
    store.restores.putQueue(store.runs.start(KEY, { peer: "", startedAt: 0 }).id, row);
  }
  const db = new DatabaseSync(path);
  db.exec(`ALTER TABLE restore_queue DROP COLUMN unbound;
    ALTER TABLE restore_queue DROP COLUMN left_out; ALTER TABLE restore_queue DROP COLUMN untimed;
    ALTER TABLE restore_queue DROP COLUMN undelivered; DROP TABLE undelivered;
    ALTER TABLE run DROP COLUMN choice; ALTER TABLE run DROP COLUMN copy_sequence;
    ALTER TABLE run DROP COLUMN copy_writer; DROP TABLE lock_owner; PRAGMA user_version = 2`);
  db.close();
  {
    using reading = CheckpointStore.openToRead(path)!;
    assert.deepEqual(reading.restores.queues(reading.runs.find(KEY)!.id), [row]);
    assert.equal(reading.runs.find(KEY)!.choice, "");
    assert.deepEqual(reading.runs.copyStamp(1), { sequence: 0, writer: "" });
    assert.deepEqual(reading.runs.lockOwners(KEY), []);
  }
  using store = CheckpointStore.open(path);
  const { id } = store.runs.find(KEY)!;
  assert.deepEqual(store.restores.queues(id), [row]);
  const whole = { ...row, unbound: true, leftOut: 4, untimed: 5 };
  store.restores.putQueue(id, whole);
  assert.deepEqual(store.restores.queues(id), [whole]);
});

Deno.test("checkpoint: undelivered messages belong to one archive, until it is written", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("state.db"));
  const { id } = store.runs.start({ ...KEY, operation: "restore" }, { peer: "", startedAt: 0 });
  const row = { vhost: "/", name: "q", confirmed: 9, unsettled: 0, resent: 0, done: false };
  const other = { ...row, vhost: "a\0b" };
  store.restores.putProgress(id, row, [{ first: 2, last: 4 }, { first: 9, last: 9 }]);
  store.restores.putProgress(id, other, [{ first: 1, last: 1 }]);
  store.restores.putQueue(id, { ...row, undelivered: 4 });
  assert.deepEqual(store.restores.queues(id), [{ ...row, undelivered: 4 }, other]);
  assert.deepEqual(store.restores.claimUndelivered(id, "one"), ["one"]);
  store.restores.putProgress(id, { ...row, confirmed: 20 }, [{ first: 12, last: 12 }]);
  assert.deepEqual(store.restores.claimUndelivered(id, "two"), ["one", "two"]);
  assert.deepEqual(store.restores.undeliveredQueues(id, "one"), [
    { vhost: "/", name: "q", messages: 4 },
    { vhost: "a\0b", name: "q", messages: 1 },
  ]);
  assert.deepEqual([...store.restores.undeliveredRanges(id, "one", row)], [
    { first: 2, last: 4 },
    { first: 9, last: 9 },
  ]);
  store.restores.dropUndelivered(id, "one");
  assert.deepEqual(store.restores.claimUndelivered(id, "three"), ["two"]);
  assert.deepEqual([...store.restores.undeliveredRanges(id, "two", row)], [{
    first: 12,
    last: 12,
  }]);
  store.restores.dropUndelivered(id, "two");
  store.restores.putProgress(id, { ...row, confirmed: 3 }, [{ first: 1, last: 2 }]);
  store.restores.forgetUndelivered(id, row);
  assert.deepEqual(store.restores.claimUndelivered(id, "four"), []);
});

Deno.test("checkpoint: a queue that is read anew forgets its segments", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("state.db"));
  const { id } = store.runs.start(KEY, { peer: "", startedAt: 0 });
  const queue = { vhost: "/", name: "q" };
  const other = { vhost: "/", name: "Q" };
  for (const one of [queue, other]) {
    store.backups.putCaptured(id, { ...one, state: "read", report: {} }, [
      segment(1, true),
      segment(2),
    ]);
  }
  for (const state of ["read", "done", "skipped"] as const) {
    store.backups.putQueue(id, { ...queue, state, report: {} });
    assert.equal(store.backups.segments(id, queue).length, 2, state);
  }
  store.backups.putQueue(id, { ...queue, state: "reading", report: {} });
  assert.deepEqual(store.backups.segments(id, queue), []);
  assert.equal(store.backups.segments(id, other).length, 2);
  // Fewer segments than before, and none of the old ones among them.
  store.backups.putCaptured(id, { ...other, state: "read", report: {} }, [segment(1)]);
  assert.deepEqual(store.backups.segments(id, other), [segment(1)]);
});

const ODD_NAMES = [
  "",
  "\0",
  "a\0b",
  "a\0c",
  "..",
  "../../etc/passwd",
  "'; DROP TABLE run; --",
  '"',
  "\\",
  "%00",
  "\u00e9",
  "e\u0301",
  "\u202eright to left",
  "\ud83d\udc07",
  "\ud800 alone",
  "UPPER",
  "upper",
  " ",
  "x".repeat(255),
];

Deno.test("checkpoint: any name is kept, and none is taken for another", async () => {
  await using dir = await tempDir();
  const path = dir.join("state.db");
  const names = ODD_NAMES.flatMap((vhost) => ODD_NAMES.map((name) => ({ vhost, name })));
  {
    using store = CheckpointStore.open(path);
    const { id } = store.runs.start(KEY, { peer: "\u202epeer", startedAt: 0 });
    names.forEach((queue, index) => {
      store.backups.putQueue(id, { ...queue, state: "done", report: { startedAt: index } });
      store.backups.putSegment(id, queue, segment(index + 1));
      store.restores.putQueue(id, {
        ...queue,
        confirmed: index,
        unsettled: 0,
        resent: 0,
        done: false,
      });
    });
  }
  using store = CheckpointStore.open(path);
  const { id } = store.runs.find(KEY)!;
  const nameOf = (row: { vhost: string; name: string }) => JSON.stringify([row.vhost, row.name]);
  const reports = new Map(
    store.backups.queues(id).map((row) => [nameOf(row), row.report.startedAt]),
  );
  const positions = new Map(store.restores.queues(id).map((row) => [nameOf(row), row.confirmed]));
  names.forEach((queue, index) => {
    assert.equal(reports.get(nameOf(queue)), index, nameOf(queue));
    assert.equal(positions.get(nameOf(queue)), index, nameOf(queue));
    assert.deepEqual(store.backups.segments(id, queue), [segment(index + 1)]);
  });
  assert.equal(reports.size, names.length);
  assert.equal(positions.size, names.length);
});

/** What a caller may do, by small numbers that the test turns into keys and names. */
type Step =
  | { do: "start" | "finish" | "forget"; run: number }
  | { do: "queue"; run: number; queue: number; state: "reading" | "read" | "done" | "skipped" }
  | { do: "captured"; run: number; queue: number; segments: number }
  | { do: "segment"; run: number; queue: number; sequence: number; stored: boolean }
  | { do: "restore"; run: number; queue: number; confirmed: number; done: boolean }
  | { do: "reopen" };

const run = fc.nat(2);
const queue = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("start" as const, "finish" as const, "forget" as const), run }),
  fc.record({
    do: fc.constant("queue" as const),
    run,
    queue,
    state: fc.constantFrom(
      "reading" as const,
      "read" as const,
      "done" as const,
      "skipped" as const,
    ),
  }),
  fc.record({ do: fc.constant("captured" as const), run, queue, segments: fc.nat(3) }),
  fc.record({
    do: fc.constant("segment" as const),
    run,
    queue,
    sequence: fc.integer({ min: 1, max: 4 }),
    stored: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("restore" as const),
    run,
    queue,
    confirmed: fc.nat(),
    done: fc.boolean(),
  }),
  fc.record({ do: fc.constant("reopen" as const) }),
);

/** The same in maps, by the numbers of the steps. */
interface ModelRun {
  state: "running" | "done";
  startedAt: number;
  readonly queues: Map<number, BackupQueueRow>;
  readonly restores: Map<number, RestoreQueueRow>;
  readonly segments: Map<number, Map<number, SegmentRow>>;
}

const keyOf = (run: number): RunKey => ({ ...KEY, backupId: `run ${run}` });
const queueOf = (queue: number) => ({
  vhost: queue % 2 === 0 ? "/" : "a\0b",
  name: `queue ${queue}`,
});

/** Does one step to both; `clock` makes each write differ from those before. */
function apply(
  step: Step,
  to: { store: CheckpointStore; model: Map<number, ModelRun>; clock: number },
): void {
  const { store, model, clock } = to;
  if (step.do === "reopen") return;
  if (step.do === "start") {
    store.runs.start(keyOf(step.run), { peer: "peer", startedAt: clock });
    const empty = { queues: new Map(), restores: new Map(), segments: new Map() };
    model.set(step.run, { state: "running", startedAt: clock, ...empty });
    return;
  }
  const known = model.get(step.run);
  if (known === undefined) return;
  const { id } = store.runs.find(keyOf(step.run))!;
  switch (step.do) {
    case "finish":
      store.runs.finish(id);
      known.state = "done";
      break;
    case "forget":
      store.runs.forget(id);
      model.delete(step.run);
      break;
    case "restore": {
      const { queue, confirmed, done } = step;
      const row = { ...queueOf(queue), confirmed, unsettled: clock, resent: 2, done };
      store.restores.putQueue(id, row);
      known.restores.set(queue, row);
      break;
    }
    case "queue": {
      const { queue, state } = step;
      const row = { ...queueOf(queue), state, report: { startedAt: clock } };
      store.backups.putQueue(id, row);
      known.queues.set(queue, row);
      if (state === "reading") known.segments.delete(queue);
      break;
    }
    case "captured": {
      const { queue } = step;
      const segments = Array.from({ length: step.segments }, (_, index) => segment(index + 1));
      const row = { ...queueOf(queue), state: "read" as const, report: { startedAt: clock } };
      store.backups.putCaptured(id, row, segments);
      known.queues.set(queue, row);
      known.segments.set(queue, new Map(segments.map((one) => [one.sequence, one])));
      break;
    }
    case "segment": {
      const { queue, sequence, stored } = step;
      const row = segment(sequence, stored);
      store.backups.putSegment(id, queueOf(queue), row);
      const rows = known.segments.get(queue) ?? new Map<number, SegmentRow>();
      known.segments.set(queue, rows.set(sequence, row));
      break;
    }
  }
}

const byName = <T extends { name: string }>(rows: Iterable<T>): T[] =>
  [...rows].toSorted((a, b) => a.name < b.name ? -1 : 1);

function assertSame(store: CheckpointStore, model: ReadonlyMap<number, ModelRun>): void {
  for (const index of [0, 1, 2]) {
    const known = model.get(index);
    const found = store.runs.find(keyOf(index));
    assert.deepEqual(
      [found?.state, found?.startedAt],
      [known?.state, known?.startedAt],
    );
    if (known === undefined || found === undefined) continue;
    assert.deepEqual(byName(store.backups.queues(found.id)), byName(known.queues.values()));
    assert.deepEqual(byName(store.restores.queues(found.id)), byName(known.restores.values()));
    for (const queue of [0, 1, 2, 3]) {
      const rows = [...known.segments.get(queue) ?? []].toSorted(([a], [b]) => a - b);
      assert.deepEqual(
        store.backups.segments(found.id, queueOf(queue)),
        rows.map(([, row]) => row),
      );
    }
  }
}

Deno.test("checkpoint: agrees with maps, whatever is done to it", async () => {
  await using dir = await tempDir();
  let files = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const path = dir.join(`state-${files++}.db`);
      let store = CheckpointStore.open(path);
      const model = new Map<number, ModelRun>();
      try {
        steps.forEach((one, clock) => {
          if (one.do === "reopen") {
            store[Symbol.dispose]();
            store = CheckpointStore.open(path);
          }
          apply(one, { store, model, clock });
          assertSame(store, model);
        });
      } finally {
        store[Symbol.dispose]();
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("checkpoint: another program's database is refused and not touched", async () => {
  await using dir = await tempDir();
  const foreign: [name: string, make: (db: DatabaseSync) => void][] = [
    ["tables", (db) => db.exec("CREATE TABLE run (id INTEGER)")],
    ["an id", (db) => db.exec("PRAGMA application_id = 1234")],
  ];
  for (const [name, make] of foreign) {
    const path = dir.join(`${name}.db`);
    const db = new DatabaseSync(path);
    make(db);
    db.close();
    Deno.chmodSync(path, 0o644);
    const before = Deno.readFileSync(path);
    assert.throws(
      () => CheckpointStore.open(path),
      refusedWith("damaged", /it is the database of another program$/),
    );
    assert.deepEqual(Deno.readFileSync(path), before);
    assert.equal(Deno.statSync(path).mode! & MODE, 0o644);
  }
});

Deno.test("checkpoint: one of a newer version is refused and not touched", async () => {
  await using dir = await tempDir();
  const path = dir.join("state.db");
  CheckpointStore.open(path)[Symbol.dispose]();
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 99; CREATE TABLE more (id INTEGER)");
  db.close();
  assert.throws(
    () => CheckpointStore.open(path),
    refusedWith("damaged", /written by a newer version of rabbitmq-backup \(schema 99\)/),
  );
  const again = new DatabaseSync(path);
  assert.deepEqual({ ...again.prepare("PRAGMA user_version").get() }, { user_version: 99 });
  assert.deepEqual({ ...again.prepare("PRAGMA application_id").get() }, {
    application_id: APPLICATION_ID,
  });
  again.close();
});

/** A checkpoint of some 100 KB, closed. */
function filledStore(dir: TempDir): string {
  const path = dir.join(`filled-${crypto.randomUUID()}.db`);
  using store = CheckpointStore.open(path);
  const { id } = store.runs.start(KEY, { peer: "", startedAt: 0 });
  for (let index = 0; index < 300; index++) {
    store.backups.putQueue(id, { vhost: "/", name: `queue ${index}`, state: "done", report: {} });
    store.backups.putSegment(id, { vhost: "/", name: `queue ${index}` }, segment(1, true));
  }
  return path;
}

Deno.test("checkpoint: damage is found when it is opened", async () => {
  await using dir = await tempDir();
  const damages: [name: string, damage: (bytes: Uint8Array) => Uint8Array][] = [
    ["random bytes", () => crypto.getRandomValues(new Uint8Array(20_000))],
    ["a few bytes of text", () => new TextEncoder().encode("hello")],
    ["cut in the middle of a page", (bytes) => bytes.slice(0, bytes.length / 2 - 100)],
    ["cut at a page", (bytes) => bytes.slice(0, 4096 * 5)],
    ["pages of zeros", (bytes) => bytes.fill(0, 4096 * 3, 4096 * 6)],
    ["pages of noise", (bytes) => {
      crypto.getRandomValues(bytes.subarray(4096 * 4, 4096 * 5));
      return bytes;
    }],
  ];
  for (const [name, damage] of damages) {
    const path = filledStore(dir);
    Deno.writeFileSync(path, damage(Deno.readFileSync(path)));
    const open = () => CheckpointStore.open(path);
    assert.throws(open, refusedWith("damaged", /it is no intact checkpoint/), name);
  }
});

Deno.test("checkpoint: an empty file is a new one", async () => {
  await using dir = await tempDir();
  const path = dir.join("state.db");
  Deno.writeFileSync(path, new Uint8Array(0));
  using store = CheckpointStore.open(path);
  assert.equal(store.runs.find(KEY), undefined);
});

Deno.test("checkpoint: a place that cannot be written", async () => {
  await using dir = await tempDir();
  const file = await dir.write("file", "not a folder");
  for (const path of [`${file}/state.db`, dir.path, "/proc/none/state.db"]) {
    assert.throws(() => CheckpointStore.open(path), refusedWith("storage_denied", /./), path);
  }
});

Deno.test("checkpoint: one that another process holds is not damaged", async () => {
  await using dir = await tempDir();
  const path = filledStore(dir);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  try {
    using store = CheckpointStore.open(path, { waitMs: 50 });
    assert.throws(
      () => store.runs.start({ ...KEY, backupId: "second" }, { peer: "", startedAt: 0 }),
      refusedWith("locked", /another process is writing to it/),
    );
    assert.equal(store.runs.find(KEY)?.state, "running");
  } finally {
    other.exec("ROLLBACK");
    other.close();
  }
});

Deno.test("checkpoint: several processes may open a new one at once", async () => {
  await using dir = await tempDir();
  const module = JSON.stringify(import.meta.resolve("./store.ts"));
  const key = JSON.stringify(KEY);
  const script = `const { CheckpointStore } = await import(${module});
    using store = CheckpointStore.open(${JSON.stringify(dir.join("state.db"))});
    store.runs.start({ ...${key}, backupId: Deno.args[0] }, { peer: "", startedAt: 0 });`;
  const path = await dir.write("open.ts", script);
  const runs = ["a", "b", "c", "d"].map((id) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", path, id],
      stderr: "piped",
    }).output()
  );
  for (const result of await Promise.all(runs)) {
    assert.ok(result.success, new TextDecoder().decode(result.stderr));
  }
  using store = CheckpointStore.open(dir.join("state.db"));
  for (const backupId of ["a", "b", "c", "d"]) assert.ok(store.runs.find({ ...KEY, backupId }));
});

Deno.test({
  name: "checkpoint: a full disk is told as one, and what was recorded stays",
  ignore: !canMount(),
  fn: async () => {
    await using disk = await SmallDisk.mount({ kilobytes: 256 });
    const recorded: string[] = [];
    {
      using store = CheckpointStore.open(disk.join("state.db"));
      const { id } = store.runs.start(KEY, { peer: "", startedAt: 0 });
      const reason = "x".repeat(2000);
      const skipped = { vhost: "/", name: "", queue_type: "", kind: "failed" as const, reason };
      assert.throws(() => {
        for (let index = 0;; index++) {
          const name = `queue ${index}`;
          store.backups.putQueue(id, { vhost: "/", name, state: "skipped", report: { skipped } });
          recorded.push(name);
        }
      }, refusedWith("storage_full", /the disk is full/));
      assert.ok(recorded.length > 0);
      const names = store.backups.queues(id).map(({ name }) => name);
      assert.deepEqual(names.toSorted(), recorded.toSorted());
    }
    const open = () => CheckpointStore.open(disk.join("new.db"));
    assert.throws(open, refusedWith("storage_full", /the disk is full/));
  },
});

Deno.test({
  name: "checkpoint: a read-only file system",
  ignore: !canMount(),
  fn: async () => {
    await using disk = await SmallDisk.mount({ kilobytes: 512 });
    CheckpointStore.open(disk.join("state.db"))[Symbol.dispose]();
    disk.makeReadOnly();
    for (const name of ["state.db", "new.db", "folder/new.db"]) {
      const open = () => CheckpointStore.open(disk.join(name));
      assert.throws(open, refusedWith("storage_denied", /./), name);
    }
  },
});

Deno.test("a pipe or device is refused, and its permissions stay", async () => {
  await using dir = await tempDir();
  const path = dir.join("pipe");
  await new Deno.Command("mkfifo", { args: ["-m", "666", path] }).output();
  const { mode } = await Deno.stat(path);
  assert.throws(() => CheckpointStore.open(path), /it is no file/);
  assert.equal((await Deno.stat(path)).mode, mode);
});
