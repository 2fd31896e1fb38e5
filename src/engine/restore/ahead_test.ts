import assert from "node:assert/strict";
import type { RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import type { ProgressCopy } from "../handover/progress_copy.ts";
import { Ahead } from "./ahead.ts";
import type { Target } from "./targets.ts";

const WINDOW = 10;
const LEAST = 80;
const { signal } = new AbortController();

function target(name: string, atMost: number, more: Partial<Target> = {}): Target {
  const position = { vhost: "/", name, confirmed: 0, unsettled: 0, resent: 0, done: false };
  return {
    entry: { vhost: "/", name },
    destination: { vhost: "/", name },
    share: { atMost },
    action: "use",
    depth: 0,
    position,
    ...more,
  } as Target;
}

/** Copies that are stored at once, unless they are refused or held back. */
class Copies {
  readonly stored: RestoreQueueRow[][] = [];
  isRefused = false;
  isAway = false;
  readonly #ahead: Ahead;

  constructor(ahead: Ahead) {
    this.#ahead = ahead;
  }

  async now(): Promise<boolean> {
    await Promise.resolve();
    if (this.isRefused || this.isAway) return false;
    const rows = this.#ahead.rows();
    this.stored.push(rows);
    this.#ahead.stored(rows);
    return true;
  }
}

function setUp(targets: Target[]) {
  const checkpoint = CheckpointStore.open(":memory:");
  const key = { operation: "restore", backupId: "b", location: "/", scope: "mq" } as const;
  const run: Run = checkpoint.runs.start(key, { peer: "1", startedAt: 0 });
  const ahead = new Ahead({ checkpoint, run, targets, window: WINDOW, intervalSeconds: 30 });
  const copies = new Copies(ahead);
  ahead.copy = copies as unknown as ProgressCopy;
  const record = (name: string, row: Partial<RestoreQueueRow>) =>
    checkpoint.restores.putQueue(run.id, { ...target(name, 0).position, ...row });
  return { ahead, copies, record, [Symbol.dispose]: () => checkpoint[Symbol.dispose]() };
}

const named = (name: string) => ({ vhost: "/", name });

Deno.test("Ahead: nothing is sent that no copy allows for", async () => {
  using set = setUp([target("large", 100_000), target("small", 5)]);
  const { ahead, copies, record } = set;
  let stored = 0;
  for (let sent = 10; sent <= 5_000; sent += 10) {
    await ahead.allow(named("large"), { upTo: sent, signal, onWait: () => {} });
    const last = copies.stored.at(-1)!.find(({ name }) => name === "large")!;
    assert.ok(sent <= last.confirmed + last.unsettled, `${sent} of ${JSON.stringify(last)}`);
    record("large", { confirmed: sent - 10, unsettled: WINDOW });
    stored = copies.stored.length;
  }
  assert.ok(stored > 1 && stored < 200, `${stored} copies`);
});

Deno.test("Ahead: a copy names what was begun and what comes next, and no more than there is", async () => {
  using set = setUp([
    target("large", 1_000),
    target("left out", 500, { action: "skip" }),
    target("new", 50, { action: "create" }),
    ...Array.from({ length: 300 }, (_, at) => target(`q${at}`, 3)),
  ]);
  const { ahead, copies, record } = set;
  await ahead.begin(named("large"), signal);
  const [rows] = copies.stored;
  const of = (name: string) => copies.stored.at(-1)!.find((row) => row.name === name);
  assert.equal(rows!.length, 1 + 256);
  assert.deepEqual(of("large"), { ...target("large", 0).position, unsettled: LEAST });
  assert.deepEqual(of("new"), { ...target("new", 0).position, unsettled: 50, unbound: true });
  assert.deepEqual(of("q0"), { ...target("q0", 0).position, unsettled: 3 });
  assert.deepEqual([of("left out"), of("q299")], [undefined, undefined]);

  // Those that are in it need no other one.
  await ahead.begin(named("q5"), signal);
  await ahead.allow(named("q5"), { upTo: 900, signal, onWait: () => {} });
  assert.equal(copies.stored.length, 1);
  record("q5", { confirmed: 3, done: true });
  await ahead.begin(named("q299"), signal);
  assert.equal(copies.stored.length, 2);
  assert.ok(of("q299") !== undefined && of("q5") === undefined);
});

Deno.test("Ahead: a storage that is away is waited for, one that refuses is not", async () => {
  using set = setUp([target("q", 1_000)]);
  const { ahead, copies } = set;
  copies.isAway = true;
  const begun = ahead.begin(named("q"), signal);
  const stopped = AbortSignal.timeout(50);
  await assert.rejects(ahead.begin(named("q"), stopped));
  copies.isAway = false;
  await begun;
  copies.isRefused = true;
  await ahead.allow(named("q"), { upTo: 900, signal, onWait: () => {} });
  assert.equal(copies.stored.length, 1);
});

Deno.test("Ahead: a queue that an earlier run was done with is not waited for", async () => {
  const position = { ...target("done", 0).position, confirmed: 5, done: true };
  using set = setUp([target("done", 5, { position }), target("q", 1_000)]);
  await set.ahead.begin(named("done"), AbortSignal.timeout(5_000));
  assert.deepEqual(set.copies.stored, []);
});

Deno.test("Ahead: what was not sent off is, before confirms are waited for; and a stop ends it", async () => {
  using set = setUp([target("q", 1e9)]);
  const { ahead, copies, record } = set;
  let flushed = 0;
  const onWait = () => {
    flushed++;
    record("q", { confirmed: 300, unsettled: WINDOW });
  };
  await ahead.allow(named("q"), { upTo: 300, signal, onWait });
  assert.equal(flushed, 1);

  // No position comes any more: copies do not follow each other without a pause.
  const before = copies.stored.length;
  const stopped = AbortSignal.timeout(200);
  await assert.rejects(ahead.allow(named("q"), { upTo: 9e8, signal: stopped, onWait: () => {} }));
  assert.ok(copies.stored.length - before < 3, `${copies.stored.length - before} copies`);
});

Deno.test("Ahead: after a refusal the next copy that is taken counts again", async () => {
  using set = setUp([target("q", 1e9)]);
  const { ahead, copies, record } = set;
  copies.isRefused = true;
  await ahead.allow(named("q"), { upTo: 900, signal, onWait: () => {} });
  record("q", { confirmed: 900, unsettled: WINDOW });
  copies.isRefused = false;
  await copies.now();
  const waiting = ahead.allow(named("q"), {
    upTo: 9e8,
    signal: AbortSignal.timeout(200),
    onWait: () => {},
  });
  await assert.rejects(waiting);
});
