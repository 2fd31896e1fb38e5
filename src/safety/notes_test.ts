import assert from "node:assert/strict";
import { planOn, queueFacts } from "../../tests/helpers/queue_facts.ts";
import type { PlanOptions, QueueFacts } from "./plan.ts";

const plan = (change: Partial<QueueFacts>, options?: Partial<PlanOptions>) =>
  planOn("4.0.5", queueFacts(change), options);

/** The only note; fails when there are more. */
function noteOn(change: Partial<QueueFacts>): string {
  const { notes } = plan(change);
  assert.equal(notes.length, 1, notes.join("\n"));
  return notes[0]!;
}

Deno.test("notes: a plain queue has none", () => {
  assert.deepEqual(plan({}).notes, []);
  assert.deepEqual(plan({ ready: 0 }).notes, []);
});

Deno.test("notes: messages may expire by a TTL, with the time of the hold", () => {
  assert.equal(
    noteOn({ arguments: { "x-message-ttl": 60_000 } }),
    "a message whose TTL (60000 ms) ends while it is held, for up to some 1 s, expires when it is " +
      "given back",
  );
  const combined = {
    arguments: { "x-message-ttl": 60_000 },
    policy: { "message-ttl": 5_000 },
    ready: 100_000,
    messageBytes: 100e6,
  };
  assert.match(noteOn(combined), /TTL \(5000 ms\).* some 30 s/);
  assert.match(noteOn({ arguments: { "x-message-ttl": 0 } }), /TTL \(0 ms\)/);
});

Deno.test("notes: a queue that expires, and one that rejects", () => {
  assert.match(noteOn({ arguments: { "x-expires": 9_000 } }), /unused for 9000 ms; .* as use/);
  assert.match(noteOn({ operatorPolicy: { expires: 8_000 } }), /8000 ms/);
  for (const overflow of ["reject-publish", "reject-publish-dlx"]) {
    const places = [{ arguments: { "x-overflow": overflow } }, { policy: { overflow } }];
    for (const place of places) assert.match(noteOn(place), /rejects nothing/);
  }
  assert.deepEqual(plan({ policy: { overflow: "drop-head" } }).notes, []);
});

Deno.test("notes: consumers, what they have, and also of an empty queue", () => {
  assert.match(noteOn({ consumers: 1 }), /^it has 1 consumer, which comes before the backup/);
  assert.match(
    noteOn({ consumers: 2, unacknowledged: 7 }),
    /^it has 2 consumers, with 7 unacknowledged messages, which come before/,
  );
  assert.match(noteOn({ consumers: 2, unacknowledged: 0 }), /^it has 2 consumers, which/);
  // What can happen to messages does not matter where there are none.
  const empty = { ready: 0, arguments: { "x-message-ttl": 1, "x-expires": 1 } };
  assert.match(noteOn({ ...empty, consumers: 1, unacknowledged: 3 }), /with 3 unacknowledged/);
});

Deno.test("notes: several at once; none of what is not read", () => {
  const many = {
    consumers: 1,
    arguments: { "x-message-ttl": 1, "x-expires": 1, "x-overflow": "reject-publish" },
  };
  assert.equal(plan(many).notes.length, 4);
  const refused = plan({ ...many, memoryHeadroom: 0 });
  assert.equal(refused.verdict, "refused");
  for (const { notes } of [refused, plan({ ...many, exclusive: true })]) {
    assert.deepEqual(notes, []);
  }
});
