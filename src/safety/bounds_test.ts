import assert from "node:assert/strict";
import fc from "fast-check";
import { planOn, queueFacts } from "../../tests/helpers/queue_facts.ts";
import { consumerTimeout } from "./bounds.ts";
import { memoryPerMessage, spoolPerMessage } from "./estimate.ts";
import type { PlanOptions, QueueFacts } from "./plan.ts";

const MILLION = 1_000_000;

/** A million messages of 1 KiB in a classic queue. */
function facts(change: Partial<QueueFacts> = {}): QueueFacts {
  const ready = change.ready ?? MILLION;
  return queueFacts({ ready, messageBytes: ready * 1024, ...change });
}

const plan = (queue: QueueFacts, options?: Partial<PlanOptions>) => planOn("4.3.6", queue, options);

Deno.test("bounds: a million messages do not fit into half of 2 GB", () => {
  const queue = facts({ memoryHeadroom: 2e9 });
  const found = plan(queue);
  assert.equal(found.verdict, "refused");
  assert.equal(found.atMost, undefined);
  assert.equal(
    found.reason,
    "holding 1000000 messages takes some 6024 MB of its node's memory, and at most 1000 MB may be " +
      "taken (50 % of the 2000 MB up to its memory alarm)",
  );
  assert.match(found.hint!, /partial: oldest.*memory_share/);

  const part = plan(queue, { partial: "oldest" });
  assert.deepEqual([part.verdict, part.atMost, part.keepsPart], ["cost", 166_002, true]);
  assert.ok(part.reason!.startsWith("only the oldest 166002 of 1000000 messages: holding"));
});

Deno.test("bounds: a body counts by its mean size, and from 4 KiB on stays on the broker's disk", () => {
  const atMost = (change: Partial<QueueFacts>) =>
    plan(facts({ memoryHeadroom: 2e9, ...change }), { partial: "oldest", consumerTimeoutSecs: 0 })
      .atMost;
  assert.equal(atMost({ messageBytes: MILLION * 4096 }), Math.floor(1e9 / 9096));
  assert.equal(atMost({ messageBytes: MILLION * 4097 }), 200_000);
  // The bytes are also of those that consumers have.
  assert.equal(atMost({ unacknowledged: MILLION }), Math.floor(1e9 / 5512));
  assert.equal(atMost({ messageBytes: undefined }), 166_002);
  assert.equal(atMost({ type: "quorum" }), 250_000);
});

Deno.test("bounds: nothing is known of memory and disk, or there is enough", () => {
  for (const memoryHeadroom of [undefined, Infinity, 12.048e9]) {
    for (const spoolRoom of [undefined, Infinity, 1.324e9]) {
      const found = plan(facts({ memoryHeadroom, spoolRoom }));
      assert.deepEqual([found.verdict, found.atMost], ["safe", undefined]);
    }
  }
  assert.equal(plan(facts({ memoryHeadroom: 12.047e9 })).verdict, "refused");
  assert.equal(plan(facts({ spoolRoom: 1.323e9 })).verdict, "refused");
});

Deno.test("bounds: the spool", () => {
  const found = plan(facts({ spoolRoom: 662e6 }));
  assert.equal(found.verdict, "refused");
  assert.equal(
    found.reason,
    "1000000 messages take some 1324 MB of the local spool, which has room for 662 MB",
  );
  assert.match(found.hint!, /spool_dir.*spool_max_bytes/);
  assert.equal(plan(facts({ spoolRoom: 662e6 }), { partial: "oldest" }).atMost, 500_000);
});

Deno.test("bounds: not even one message fits", () => {
  for (const none of [{ memoryHeadroom: 12_047 }, { memoryHeadroom: -5e9 }, { spoolRoom: 1_323 }]) {
    const found = plan(facts(none), { partial: "oldest" });
    assert.deepEqual([found.verdict, found.atMost], ["refused", undefined], JSON.stringify(none));
  }
  assert.equal(plan(facts({ memoryHeadroom: 12_048 }), { partial: "oldest" }).atMost, 1);
  assert.equal(plan(facts({ spoolRoom: 1_324 }), { partial: "oldest" }).atMost, 1);
});

Deno.test("bounds: the broker's consumer timeout leaves half of its time", () => {
  const plan = (queue: QueueFacts, options: Partial<PlanOptions>) =>
    planOn("4.0.5", queue, options);
  // 302.4 s by the estimate.
  assert.equal(plan(facts(), { consumerTimeoutSecs: 605 }).verdict, "safe");
  const found = plan(facts(), { consumerTimeoutSecs: 604 });
  assert.equal(found.verdict, "refused");
  assert.equal(
    found.reason,
    "reading 1000000 messages may take 303 s, and the broker takes them back after 604 s " +
      "(consumer timeout)",
  );
  assert.match(found.hint!, /consumer_timeout_secs/);
  const part = plan(facts(), { consumerTimeoutSecs: 302.4, partial: "oldest" });
  assert.equal(part.atMost, MILLION / 2);
});

Deno.test("bounds: the consumer timeout of argument, policies and configuration", () => {
  const timeoutOf = (change: Partial<QueueFacts>, consumerTimeoutSecs = 1800) =>
    consumerTimeout(facts(change), { brokerVersion: "4.0.5", consumerTimeoutSecs });
  const argument = { arguments: { "x-consumer-timeout": 90_000 } };
  const policy = { policy: { "consumer-timeout": 60_000 } };
  const operatorPolicy = { operatorPolicy: { "consumer-timeout": 30_000 } };
  assert.equal(timeoutOf({}), 1800);
  assert.equal(timeoutOf({}, 0), undefined);
  assert.equal(timeoutOf(argument), 90);
  assert.equal(timeoutOf(argument, 0), 90);
  assert.equal(timeoutOf(argument, 10), 90);
  assert.equal(timeoutOf({ ...argument, ...policy }), 60);
  assert.equal(timeoutOf({ ...argument, ...policy, ...operatorPolicy }), 30);
  const brokerVersion = "4.0.5";
  assert.equal(plan(facts(argument), { brokerVersion }).verdict, "refused");
  assert.equal(plan(facts(), { brokerVersion, consumerTimeoutSecs: 0 }).verdict, "safe");
});

Deno.test("bounds: which queues the broker takes back from, by its version", () => {
  const own = { arguments: { "x-consumer-timeout": 90_000 } };
  const timeoutOf = (brokerVersion: string, change: Partial<QueueFacts>) =>
    consumerTimeout(facts(change), { brokerVersion, consumerTimeoutSecs: 1800 });
  for (const type of ["classic", "quorum"]) {
    assert.equal(timeoutOf("3.10.8", { type, ...own }), 1800, "queues have none of their own");
    assert.equal(timeoutOf("3.12.0", { type, ...own }), 90);
    assert.equal(timeoutOf("4.2.9", { type, ...own }), 90);
  }
  assert.equal(timeoutOf("4.3.0", { type: "quorum", ...own }), 90);
  assert.equal(timeoutOf("4.3.0", { type: "quorum" }), 1800);
  assert.equal(timeoutOf("4.3.0", { type: "classic", ...own }), undefined);
});

Deno.test("bounds: from 4.3 on our consumers bring the timeout that was planned with", () => {
  const asked = (brokerVersion: string, change: Partial<QueueFacts> = {}) =>
    plan(facts({ type: "quorum", ready: 10, ...change }), { brokerVersion }).hold
      .consumerTimeoutSecs;
  assert.equal(asked("4.3.0"), 1800);
  assert.equal(asked("4.3.0", { policy: { "consumer-timeout": 60_000 } }), 60);
  assert.equal(asked("4.3.0", { type: "classic" }), undefined);
  assert.equal(asked("4.2.9"), undefined);
});

Deno.test("bounds: the tightest of several counts, and gives the reason", () => {
  const all = { memoryHeadroom: 2e9, spoolRoom: 662e6 };
  const options = {
    brokerVersion: "4.0.5",
    consumerTimeoutSecs: 302.4,
    partial: "oldest" as const,
  };
  assert.match(
    plan(facts(all), options).reason!,
    /^only the oldest 166002 .* of its node's memory/,
  );
  assert.match(
    plan(facts({ ...all, spoolRoom: 132.4e6 }), options).reason!,
    /^only the oldest 100000 .* of the local spool/,
  );
  assert.match(
    plan(facts(all), { ...options, consumerTimeoutSecs: 100 }).reason!,
    /^only the oldest 165343 .* \(consumer timeout\)/,
  );
});

Deno.test("bounds: the hold ends with the operator's patience or the broker's", () => {
  const secondsOf = (maxHoldSecs: number | undefined, consumerTimeoutSecs: number) =>
    plan(facts({ ready: 10 }), { brokerVersion: "4.0.5", maxHoldSecs, consumerTimeoutSecs }).hold
      .seconds;
  assert.deepEqual(secondsOf(undefined, 100), { at: 80, of: "consumer_timeout" });
  assert.deepEqual(secondsOf(79, 100), { at: 79, of: "max_hold_secs" });
  assert.deepEqual(secondsOf(80, 100), { at: 80, of: "max_hold_secs" });
  assert.deepEqual(secondsOf(81, 100), { at: 80, of: "consumer_timeout" });
  assert.deepEqual(secondsOf(5, 0), { at: 5, of: "max_hold_secs" });
  assert.equal(secondsOf(undefined, 0), undefined);
  assert.deepEqual(secondsOf(undefined, 1), { at: 1, of: "consumer_timeout" });
});

Deno.test("bounds: what is held never takes more than there is", () => {
  const room = fc.integer({ min: -10_000, max: 10_000_000 });
  fc.assert(fc.property(
    fc.record({
      type: fc.constantFrom("classic", "quorum"),
      ready: fc.integer({ min: 1, max: 5_000 }),
      unacknowledged: fc.nat(5_000),
      messageBytes: fc.option(fc.nat(20_000_000), { nil: undefined }),
      memoryHeadroom: fc.option(room, { nil: undefined }),
      spoolRoom: fc.option(room, { nil: undefined }),
    }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    (change, memoryShare) => {
      const queue = facts(change);
      const { memoryHeadroom = Infinity, spoolRoom = Infinity } = queue;
      const fits = (messages: number) =>
        messages * memoryPerMessage(queue) <= memoryHeadroom * memoryShare &&
        messages * spoolPerMessage(queue) <= spoolRoom;
      const { verdict, atMost } = plan(queue, {
        memoryShare,
        partial: "oldest",
        consumerTimeoutSecs: 0,
      });
      if (verdict === "refused") return assert.ok(!fits(1));
      const held = atMost ?? queue.ready;
      assert.ok(fits(held) && held >= 1);
      if (atMost !== undefined) assert.ok(atMost < queue.ready && !fits(atMost + 1.001));
    },
  ));
});
