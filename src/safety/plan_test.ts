import assert from "node:assert/strict";
import fc from "fast-check";
import { planOn, queueFacts as facts } from "../../tests/helpers/queue_facts.ts";
import type { PlanOptions, QueueFacts, QueuePlan } from "./plan.ts";
import { deliveryLimit } from "./settings.ts";

const VERSIONS = ["3.10.8", "3.13.7", "4.0.5", "4.2.1", "4.3.6", "5.0.0"] as const;
type Version = (typeof VERSIONS)[number];
/** Where a return by `basic.recover` is charged to nobody. */
const FREE: readonly Version[] = ["4.3.6", "5.0.0"];

const quorum = (change: Partial<QueueFacts> = {}) => facts({ type: "quorum", ...change });

const plan = (queue: QueueFacts, brokerVersion: Version, options?: Partial<PlanOptions>) =>
  planOn(brokerVersion, queue, options);

/** Verdict, method and attempts in one word, as `cost channel_close 1`. */
const brief = ({ verdict, returnMethod, deliveryAttempts }: QueuePlan) =>
  `${verdict} ${returnMethod} ${deliveryAttempts}`;

Deno.test("plan: a plain classic queue", () => {
  for (const version of VERSIONS) {
    assert.equal(brief(plan(facts(), version)), "safe channel_close 0");
    assert.equal(plan(facts(), version).reason, undefined);
  }
});

Deno.test("plan: a plain quorum queue, version by version", () => {
  const expected: Record<Version, [string, RegExp | undefined]> = {
    "3.10.8": ["cost channel_close 1", /no limit/],
    "3.13.7": ["cost channel_close 1", /no limit/],
    "4.0.5": ["cost channel_close 1", /one of its 20 delivery attempts/],
    "4.2.1": ["cost channel_close 1", /one of its 20 delivery attempts/],
    "4.3.6": ["safe recover 0", undefined],
    "5.0.0": ["safe recover 0", undefined],
  };
  for (const version of VERSIONS) {
    const [wanted, reason] = expected[version];
    const found = plan(quorum(), version);
    assert.equal(brief(found), wanted, version);
    if (reason === undefined) assert.equal(found.reason, undefined);
    else assert.match(found.reason!, reason);
  }
});

Deno.test("plan: the strategy that is asked for, and what it costs", () => {
  const cases: [PlanOptions["requeueStrategy"], Version, string][] = [
    ["cancel", "3.10.8", "cost channel_close 1"],
    ["cancel", "4.0.5", "cost channel_close 1"],
    ["cancel", "4.3.6", "cost channel_close 1"],
    ["nack", "3.10.8", "refused nack 1"],
    ["nack", "4.0.5", "cost nack 1"],
    ["nack", "4.3.6", "safe nack 0"],
    ["reject", "3.10.8", "refused reject 1"],
    ["reject", "4.0.5", "refused reject 1"],
    ["reject", "4.3.6", "cost reject 1"],
    ["get", "3.10.8", "refused get 1"],
    ["get", "4.0.5", "refused get 1"],
    ["get", "4.3.6", "refused get 1"],
  ];
  for (const [requeueStrategy, version, wanted] of cases) {
    const found = plan(quorum(), version, { requeueStrategy });
    assert.equal(brief(found), wanted, `${requeueStrategy} ${version}`);
    if (found.verdict === "refused") assert.match(found.reason!, /would change their order/);
    const method = requeueStrategy === "cancel" ? "channel_close" : requeueStrategy;
    assert.equal(brief(plan(facts(), version, { requeueStrategy })), `safe ${method} 0`);
  }
});

Deno.test("plan: nack on 4.0 keeps the order only under a delivery limit", () => {
  const unlimited = quorum({ arguments: { "x-delivery-limit": -1 } });
  for (const version of ["4.0.5", "4.2.1"] as const) {
    assert.match(plan(unlimited, version, { requeueStrategy: "nack" }).reason!, /order/);
    assert.equal(plan(unlimited, version).verdict, "cost");
  }
  assert.equal(plan(unlimited, "4.3.6", { requeueStrategy: "nack" }).verdict, "safe");
});

/**
 * Argument, policy and operator policy, and the limit in force; asked of brokers 4.0.5 and 4.3.6,
 * where `rabbit_fifo` tells it. 3.10 takes no negative policy.
 */
const LIMITS: {
  argument?: number;
  policy?: number;
  operator?: number;
  three: number | undefined | "not possible";
  four: number | undefined;
}[] = [
  { three: undefined, four: 20 },
  { argument: 5, three: 5, four: 5 },
  { argument: 50, three: 50, four: 50 },
  { argument: 0, three: 0, four: 0 },
  { argument: -1, three: -1, four: undefined },
  { policy: 5, three: 5, four: 5 },
  { policy: 50, three: 50, four: 50 },
  { policy: -1, three: "not possible", four: undefined },
  { operator: 5, three: 5, four: 5 },
  { operator: -3, three: "not possible", four: undefined },
  { argument: 6, policy: 5, three: 5, four: 5 },
  { argument: 6, policy: 7, three: 6, four: 6 },
  { argument: 6, policy: -1, three: "not possible", four: 6 },
  { argument: -1, policy: 5, three: -1, four: 5 },
  { argument: -1, policy: -1, three: "not possible", four: undefined },
  { policy: 5, operator: 7, three: 5, four: 5 },
  { policy: 7, operator: 5, three: 5, four: 5 },
  { policy: -1, operator: 5, three: "not possible", four: 5 },
  { policy: 5, operator: -1, three: "not possible", four: 5 },
  { policy: -1, operator: -2, three: "not possible", four: undefined },
  { argument: 6, policy: -1, operator: -2, three: "not possible", four: 6 },
  { argument: 6, policy: 5, operator: 7, three: 5, four: 5 },
  { argument: 3, policy: 5, operator: 7, three: 3, four: 3 },
  { argument: -1, policy: 5, operator: 7, three: -1, four: 5 },
];

for (const { argument, policy, operator, three, four } of LIMITS) {
  const given = JSON.stringify({ argument, policy, operator });
  Deno.test(`plan: delivery limit of ${given}`, () => {
    const queue = quorum({
      arguments: argument === undefined ? {} : { "x-delivery-limit": argument },
      policy: policy === undefined ? {} : { "delivery-limit": policy },
      operatorPolicy: operator === undefined ? {} : { "delivery-limit": operator },
    });
    for (const version of VERSIONS) {
      const wanted = version.startsWith("3.") ? three : four;
      if (wanted !== "not possible") assert.equal(deliveryLimit(queue, version), wanted, version);
    }
  });
}

Deno.test("plan: a small delivery limit is refused where reading counts", () => {
  for (const version of VERSIONS) {
    for (const limit of [0, 1, 2, 3, 20]) {
      const queue = quorum({ arguments: { "x-delivery-limit": limit } });
      const found = plan(queue, version);
      if (FREE.includes(version)) {
        assert.equal(brief(found), "safe recover 0");
      } else if (limit < 3) {
        assert.equal(brief(found), "refused channel_close 1");
        assert.match(found.reason!, new RegExp(`one of only ${limit} delivery attempts`));
        assert.match(found.hint!, /raise delivery-limit|4\.3/);
      } else {
        assert.equal(brief(found), "cost channel_close 1");
        assert.match(found.reason!, new RegExp(`one of its ${limit} delivery attempts`));
      }
    }
  }
});

Deno.test("plan: a small limit does not hide behind a larger one", () => {
  const queue = quorum({
    arguments: { "x-delivery-limit": 100 },
    policy: { "delivery-limit": 2 },
    operatorPolicy: { "delivery-limit": 50 },
  });
  for (const version of ["3.10.8", "4.0.5"] as const) {
    assert.equal(plan(queue, version).verdict, "refused");
  }
});

Deno.test("plan: a negative limit: 3.x drops what is returned, 4.x has none", () => {
  const queue = quorum({ arguments: { "x-delivery-limit": -1 } });
  assert.match(plan(queue, "3.10.8").reason!, /drop every message that is returned/);
  assert.equal(plan(queue, "3.10.8").verdict, "refused");
  assert.match(plan(queue, "4.0.5").reason!, /no limit/);
  assert.equal(plan(queue, "4.0.5").verdict, "cost");
  assert.equal(plan(queue, "4.3.6").verdict, "safe");
});

Deno.test("plan: delivery limits mean nothing to classic queues", () => {
  for (const version of VERSIONS) {
    const queue = facts({ arguments: { "x-delivery-limit": 1 } });
    assert.equal(plan(queue, version).verdict, "safe");
  }
});

Deno.test("plan: an auto-delete queue is never consumed, whatever is asked for", () => {
  for (const version of VERSIONS) {
    for (const requeueStrategy of ["auto", "cancel", "nack", "reject", "get"] as const) {
      for (const onHazard of ["refuse", "warn"] as const) {
        const queue = facts({ autoDelete: true });
        const found = plan(queue, version, { requeueStrategy, onHazard });
        assert.equal(brief(found), "safe get 0");
      }
    }
  }
});

Deno.test("plan: an exclusive queue cannot be in a backup", () => {
  for (const onHazard of ["refuse", "warn"] as const) {
    const found = plan(facts({ exclusive: true }), "4.0.5", { onHazard });
    assert.equal(found.verdict, "excluded");
    assert.match(found.reason!, /exclusive/);
    assert.equal(plan(facts({ exclusive: true, ready: 0 }), "4.0.5").verdict, "excluded");
  }
});

Deno.test("plan: streams are safe whatever their settings, and left out where that is asked for", () => {
  const settings = { "x-max-length-bytes": 5, "x-max-age": "1s" };
  for (const ready of [0, 5]) {
    const queue = facts({ type: "stream", ready, consumers: 2, arguments: settings });
    const found = plan(queue, "4.3.6", { maxHoldSecs: 1 });
    assert.deepEqual([found.verdict, found.deliveryAttempts, found.notes], ["safe", 0, []]);
    assert.equal(plan(queue, "4.3.6", { readStreams: false }).verdict, "excluded");
  }
});

Deno.test("plan: a stream that is read by AMQP 0-9-1 says why, and what it lacks", () => {
  const byAmqp = { because: "nothing listens", losses: ["batches", "times"] };
  const found = plan(facts({ type: "stream", ready: 5, byAmqp }), "4.3.6");
  assert.equal(found.verdict, "cost");
  assert.equal(found.reason, "read by AMQP 0-9-1 (nothing listens), it lacks batches; times");
});

Deno.test("plan: a single active consumer that is there gets everything", () => {
  const queue = facts({ arguments: { "x-single-active-consumer": true }, consumers: 1 });
  assert.equal(plan(queue, "4.0.5").verdict, "refused");
  assert.match(plan(queue, "4.0.5").reason!, /single active consumer/);
  assert.equal(plan({ ...queue, consumers: 0 }, "4.0.5").verdict, "safe");
  assert.equal(plan(facts({ consumers: 5 }), "4.0.5").verdict, "safe");
  const off = facts({ arguments: { "x-single-active-consumer": false }, consumers: 1 });
  assert.equal(plan(off, "4.0.5").verdict, "safe");
});

Deno.test("plan: delayed retry", () => {
  const verdictOf = (change: Partial<QueueFacts>, options: Partial<PlanOptions> = {}) =>
    plan(quorum(change), "4.3.6", options).verdict;
  const argument = (type: string) => ({ arguments: { "x-delayed-retry-type": type } });
  for (const type of ["all", "returned"]) {
    assert.equal(verdictOf(argument(type)), "refused");
    assert.equal(verdictOf({ policy: { "delayed-retry-type": type } }), "refused");
    assert.equal(verdictOf({ operatorPolicy: { "delayed-retry-type": type } }), "refused");
    // As the broker has it: operator policy before policy before argument.
    assert.equal(
      verdictOf({ ...argument(type), policy: { "delayed-retry-type": "disabled" } }),
      "safe",
    );
    assert.equal(
      verdictOf({
        policy: { "delayed-retry-type": type },
        operatorPolicy: { "delayed-retry-type": "disabled" },
      }),
      "safe",
    );
    assert.equal(
      verdictOf({ ...argument("disabled"), policy: { "delayed-retry-type": type } }),
      "refused",
    );
  }
  assert.equal(verdictOf(argument("disabled")), "safe");
  // Only a return that is charged as an attempt is a failed delivery.
  assert.equal(verdictOf(argument("failed")), "safe");
  assert.equal(verdictOf(argument("failed"), { requeueStrategy: "cancel" }), "refused");
});

Deno.test("plan: max-length with less room than what is held", () => {
  const places: ((limit: number) => Partial<QueueFacts>)[] = [
    (limit) => ({ arguments: { "x-max-length": limit } }),
    (limit) => ({ policy: { "max-length": limit } }),
    (limit) => ({ operatorPolicy: { "max-length": limit } }),
    // The smallest of them is in force.
    (limit) => ({
      arguments: { "x-max-length": 10_000 },
      policy: { "max-length": limit },
      operatorPolicy: { "max-length": 20_000 },
    }),
  ];
  for (const place of places) {
    for (const type of ["classic", "quorum"]) {
      const verdictOf = (limit: number) => plan(facts({ type, ...place(limit) }), "4.3.6").verdict;
      assert.equal(verdictOf(100), "refused");
      assert.equal(verdictOf(199), "refused");
      assert.equal(verdictOf(200), "safe");
      assert.equal(verdictOf(0), "refused");
    }
  }
  const found = plan(facts({ arguments: { "x-max-length": 150 } }), "4.3.6");
  assert.match(found.reason!, /100 of at most 150 messages/);
});

Deno.test("plan: max-length-bytes with less room than what is held, or unknown", () => {
  const verdictOf = (change: Partial<QueueFacts>) =>
    plan(facts({ arguments: { "x-max-length-bytes": 1000 }, ...change }), "4.3.6").verdict;
  assert.equal(verdictOf({ messageBytes: 500 }), "safe");
  assert.equal(verdictOf({ messageBytes: 501 }), "refused");
  assert.equal(verdictOf({}), "refused");
  assert.equal(verdictOf({ ready: 0 }), "safe");
  assert.equal(
    plan(facts({ policy: { "max-length-bytes": 1000 }, messageBytes: 501 }), "4.3.6").verdict,
    "refused",
  );
});

Deno.test("plan: on_hazard: warn reads all the same, and says why not to", () => {
  const queue = quorum({ arguments: { "x-delivery-limit": 1 } });
  const found = plan(queue, "4.0.5", { onHazard: "warn" });
  assert.equal(brief(found), "cost channel_close 1");
  assert.match(
    found.reason!,
    /one of only 1 delivery attempts.* \(on_hazard: warn\); each message is charged/,
  );
});

Deno.test("plan: of an empty queue nothing is read, so nothing can happen", () => {
  for (const version of VERSIONS) {
    const queue = quorum({ ready: 0, arguments: { "x-delivery-limit": 0, "x-max-length": 0 } });
    const found = plan(queue, version);
    assert.equal(found.verdict, "safe");
    assert.equal(found.deliveryAttempts, 0);
  }
});

const anyFacts: fc.Arbitrary<QueueFacts> = fc.record({
  vhost: fc.constant("/"),
  name: fc.constant("q"),
  type: fc.constantFrom("classic", "quorum"),
  autoDelete: fc.boolean(),
  exclusive: fc.constant(false),
  arguments: fc.record({
    "x-delivery-limit": fc.integer({ min: -2, max: 25 }),
    "x-max-length": fc.nat(300),
    "x-single-active-consumer": fc.boolean(),
    "x-delayed-retry-type": fc.constantFrom("all", "failed", "returned", "disabled"),
  }, { requiredKeys: [], noNullPrototype: true }),
  policy: fc.record({ "delivery-limit": fc.integer({ min: -2, max: 25 }) }, { requiredKeys: [] }),
  operatorPolicy: fc.record({ "max-length": fc.nat(300) }, { requiredKeys: [] }),
  ready: fc.nat(200),
  consumers: fc.nat(2),
}, { noNullPrototype: true });

Deno.test("plan: whatever the queue, what is read is told with its price", () => {
  fc.assert(fc.property(
    anyFacts,
    fc.constantFrom(...VERSIONS),
    fc.constantFrom("auto" as const, "cancel" as const, "nack" as const, "reject" as const),
    (queue, version, requeueStrategy) => {
      const found = plan(queue, version, { requeueStrategy });
      const { verdict, deliveryAttempts, returnMethod, reason, hint } = found;
      if (queue.autoDelete) assert.equal(returnMethod, "get");
      if (verdict === "safe") assert.equal(deliveryAttempts, 0);
      else assert.ok(reason !== undefined && reason.length > 0);
      if (verdict === "refused") assert.ok(hint !== undefined);
      if (verdict === "cost") {
        const limit = deliveryLimit(queue, version);
        assert.equal(deliveryAttempts, 1);
        assert.ok(limit === undefined || limit >= 3);
      }
    },
  ));
});
