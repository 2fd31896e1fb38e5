import assert from "node:assert/strict";
import fc from "fast-check";
import { planOn, queueFacts } from "../../tests/helpers/queue_facts.ts";
import type { PlanOptions, QueueFacts } from "./plan.ts";

const plan = (change: Partial<QueueFacts>, options?: Partial<PlanOptions>) =>
  planOn("4.0.5", queueFacts({ ready: 1_000, ...change }), options);
const verdictOf = (change: Partial<QueueFacts>, options?: Partial<PlanOptions>) =>
  plan(change, options).verdict;

Deno.test("length limit: with a publish rate, room for twice what may arrive meanwhile", () => {
  // Held for 1,000 / 5,000 + 1,024,000 / 10e6 s, and unwatched for 2 s.
  const seconds = 2.3024;
  for (const rate of [100, 500, 2_000]) {
    const least = 1_000 + Math.ceil(2 * seconds * rate);
    for (const type of ["classic", "quorum"]) {
      const queue = (limit: number) => ({
        type,
        policy: { "max-length": limit },
        publishRate: rate,
      });
      assert.equal(verdictOf(queue(least - 1), { brokerVersion: "4.3.6" }), "refused");
      assert.equal(verdictOf(queue(least), { brokerVersion: "4.3.6" }), "safe");
    }
  }
  assert.match(
    plan({ policy: { "max-length": 1_001 }, publishRate: 99.5 }).reason!,
    /^1000 of at most 1001 messages, and 100 a second arrive: .* push some out$/,
  );
});

Deno.test("length limit: nobody publishes, then a tenth has to be free; not known, then half", () => {
  const limits = (limit: number) => ({ arguments: { "x-max-length": limit } });
  assert.equal(verdictOf({ ...limits(1_112), publishRate: 0 }), "safe");
  assert.equal(verdictOf({ ...limits(1_111), publishRate: 0 }), "refused");
  assert.doesNotMatch(plan({ ...limits(1_000), publishRate: 0 }).reason!, /a second arrive/);
  assert.equal(verdictOf(limits(2_000)), "safe");
  assert.equal(verdictOf(limits(1_999)), "refused");
});

Deno.test("length limit in bytes: the same, by the size of the messages that are there", () => {
  const bytes = (limit: number) => ({
    arguments: { "x-max-length-bytes": limit },
    messageBytes: 1_024_000,
  });
  assert.equal(verdictOf(bytes(2_048_000)), "safe");
  assert.equal(verdictOf(bytes(2_047_999)), "refused");
  assert.equal(verdictOf({ ...bytes(1_138_000), publishRate: 0 }), "safe");
  assert.equal(verdictOf({ ...bytes(1_137_000), publishRate: 0 }), "refused");
  const arriving = Math.ceil(2 * 2.3024 * 100 * 1_024);
  assert.equal(verdictOf({ ...bytes(1_024_000 + arriving), publishRate: 100 }), "safe");
  const tight = plan({ ...bytes(1_024_000 + arriving - 1), publishRate: 100 });
  assert.equal(tight.verdict, "refused");
  assert.match(tight.reason!, /^1024000 of at most \d+ bytes/);
  assert.match(tight.hint!, /max-length-bytes/);
  const unknown = { arguments: { "x-max-length-bytes": 1e12 }, publishRate: 0 };
  assert.match(plan(unknown).reason!, /^unknown of at most/);
  // Each limit counts, whatever room the other leaves.
  assert.match(
    plan({ arguments: { "x-max-length": 1e6, "x-max-length-bytes": 1 }, messageBytes: 9 }).reason!,
    /bytes/,
  );
});

Deno.test("length limit: only one that drops the oldest is a hazard, and is watched", () => {
  const limits = { "max-length": 1_000, "max-length-bytes": 5_000 };
  const watched = ({ hold }: ReturnType<typeof plan>) => [hold.maxLength, hold.maxLengthBytes];
  for (const overflow of [undefined, "drop-head", "reject-publish", "reject-publish-dlx"]) {
    const policy = { ...limits, ...(overflow === undefined ? {} : { overflow }) };
    const found = plan({ policy, messageBytes: 5_000 });
    const drops = overflow === undefined || overflow === "drop-head";
    assert.equal(found.verdict, drops ? "refused" : "safe", overflow);
    assert.deepEqual(watched(found), drops ? [1_000, 5_000] : [undefined, undefined]);
  }
  // The operator's policy comes before the policy, the policy before the argument.
  const drop = { "x-overflow": "drop-head", "x-max-length": 1_000 };
  assert.equal(verdictOf({ arguments: drop, policy: { overflow: "reject-publish" } }), "safe");
  const reject = { ...limits, overflow: "reject-publish" };
  assert.equal(verdictOf({ policy: reject, operatorPolicy: { overflow: "drop-head" } }), "refused");
});

Deno.test("length limit: more room, fewer messages or fewer that arrive are never worse", () => {
  const amount = fc.nat(5_000);
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 5_000 }),
    amount,
    fc.option(fc.nat(2_000), { nil: undefined }),
    amount,
    fc.nat(2_000),
    (ready, limit, publishRate, moreRoom, slower) => {
      const queue = { ready, publishRate, policy: { "max-length": limit } };
      if (verdictOf(queue) === "refused") return;
      assert.ok(limit - ready >= limit * 0.1);
      assert.equal(verdictOf({ ...queue, policy: { "max-length": limit + moreRoom } }), "safe");
      assert.equal(verdictOf({ ...queue, ready: Math.ceil(ready / 2) }), "safe");
      const rate = publishRate === undefined ? undefined : Math.max(0, publishRate - slower);
      assert.equal(verdictOf({ ...queue, publishRate: rate }), "safe");
    },
  ));
});

Deno.test("rescue: refused where a message could be lost that nobody may put back", () => {
  const limited = { "3.10.8": true, "3.13.7": true, "4.0.5": true, "4.2.1": true, "4.3.6": false };
  for (const [brokerVersion, counts] of Object.entries(limited)) {
    const queue = { type: "quorum", arguments: { "x-delivery-limit": 10 }, mayPublish: false };
    const found = plan(queue, { brokerVersion });
    assert.equal(found.verdict, counts ? "refused" : "safe", brokerVersion);
    // A method that is charged makes a free broker count.
    assert.equal(verdictOf(queue, { brokerVersion, requeueStrategy: "cancel" }), "refused");
    if (!counts) continue;
    assert.match(found.reason!, /attempts are used up would be lost .* may not publish/);
    assert.match(found.hint!, /set_permissions .* '\^amq\\\.default\$'/);
    for (const mayPublish of [true, undefined]) {
      assert.equal(verdictOf({ ...queue, mayPublish }, { brokerVersion }), "cost");
    }
    assert.equal(verdictOf({ ...queue, type: "classic" }, { brokerVersion }), "safe");
  }
});

Deno.test("rescue: nothing to put back where no limit is in force", () => {
  const queue = { type: "quorum", mayPublish: false };
  assert.equal(verdictOf(queue, { brokerVersion: "3.10.8" }), "cost");
  const lifted = { ...queue, policy: { "delivery-limit": -1 } };
  assert.equal(verdictOf(lifted, { brokerVersion: "4.0.5" }), "cost");
  assert.equal(verdictOf(queue, { brokerVersion: "4.0.5" }), "refused");
});

Deno.test("delivery limit: watched on quorum queues, also where only a crash would be charged", () => {
  const limitOf = (change: Partial<QueueFacts>, options: Partial<PlanOptions> = {}) =>
    plan(change, options).hold.deliveryLimit;
  const quorum = { type: "quorum" };
  assert.equal(limitOf(quorum), 20);
  assert.equal(limitOf({ ...quorum, policy: { "delivery-limit": 7 } }), 7);
  assert.equal(limitOf({ ...quorum, policy: { "delivery-limit": -1 } }), undefined);
  assert.equal(limitOf(quorum, { brokerVersion: "3.10.8" }), undefined);
  assert.equal(limitOf(quorum, { brokerVersion: "4.3.6" }), 20);
  assert.equal(limitOf(quorum, { brokerVersion: "4.3.6", requeueStrategy: "cancel" }), 20);
  assert.equal(limitOf({ arguments: { "x-delivery-limit": 7 } }), undefined);
});

Deno.test("risk: told where a queue is read in spite of a hazard, and nowhere else", () => {
  const atRisk = { arguments: { "x-single-active-consumer": true }, consumers: 1 };
  const found = plan(atRisk, { onHazard: "warn" });
  assert.equal(found.verdict, "cost");
  assert.match(found.risk!, /^it has a single active consumer/);
  assert.equal(found.reason, `${found.risk} (on_hazard: warn)`);
  assert.equal(plan(atRisk).risk, undefined);
  assert.equal(plan({}, { onHazard: "warn" }).risk, undefined);
  assert.equal(plan({ type: "quorum" }, { onHazard: "warn" }).risk, undefined);
  assert.equal(plan({ ...atRisk, ready: 0 }, { onHazard: "warn" }).risk, undefined);
  // A loss that is certain, or what cannot be held, is refused all the same.
  const certain = { type: "quorum", arguments: { "x-delivery-limit": 0 } };
  for (const refused of [certain, { ...atRisk, memoryHeadroom: 0 }]) {
    const { verdict, risk } = plan(refused, { onHazard: "warn" });
    assert.deepEqual([verdict, risk], ["refused", undefined]);
  }
});

Deno.test("risk: a hazard and a bound are both told", () => {
  const found = plan({
    arguments: { "x-single-active-consumer": true },
    consumers: 1,
    spoolRoom: 10_000,
  }, { onHazard: "warn", partial: "oldest" });
  assert.equal(found.atMost, 7);
  assert.match(found.reason!, /single active consumer.* \(on_hazard: warn\); only the oldest 7 of/);
});
