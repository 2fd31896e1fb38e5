import assert from "node:assert/strict";
import fc from "fast-check";
import { RestoreMapping } from "./mapping.ts";

const NONE = { vhost_mapping: {}, queue_mapping: {}, exchange_mapping: {} };

Deno.test("a queue goes to its vhost and name in the target", () => {
  const mapping = new RestoreMapping({
    ...NONE,
    vhost_mapping: { "/": "shop", "old-*": "new-$1" },
    queue_mapping: { "~^orders\\.(.*)$": "restored.$1", a: "both", b: "both" },
  });
  assert.deepEqual(mapping.mapQueue({ vhost: "/", name: "orders.eu" }), {
    vhost: "shop",
    name: "restored.eu",
  });
  assert.deepEqual(mapping.mapQueue({ vhost: "old-1", name: "b" }), {
    vhost: "new-1",
    name: "both",
  });
  assert.deepEqual(mapping.unused(), [
    'restore.queue_mapping: "a" matches nothing of what is restored',
  ]);
});

Deno.test("the default exchange is called as in permissions", () => {
  const mapping = new RestoreMapping({
    ...NONE,
    exchange_mapping: { "amq.default": "all", events: "amq.default", "amq.*": "my.$1" },
  });
  assert.equal(mapping.mapExchange(""), "all");
  assert.equal(mapping.mapExchange("events"), "");
  assert.equal(mapping.mapExchange("amq.topic"), "my.topic");
  assert.equal(mapping.mapExchange("other"), "other");
  assert.equal(new RestoreMapping(NONE).mapExchange(""), "");
});

Deno.test("a new name that no broker takes is refused", () => {
  const mapping = new RestoreMapping({
    ...NONE,
    queue_mapping: { "~^x(.*)$": "$1", "~^(y+)$": "$1é$1" },
  });
  const map = (name: string) => mapping.mapQueue({ vhost: "/", name });
  assert.throws(() => map("x"), {
    code: "config",
    message: /"x": the new name is empty, and 1 to/,
  });
  assert.throws(() => map("y".repeat(127)), { message: /the new name has 256 bytes/ });
  assert.equal(map("y".repeat(126)).name.length, 253);
});

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);

Deno.test("property: what no rule names stays, vhosts and queues apart, and rules in order", () => {
  fc.assert(fc.property(
    fc.uniqueArray(word, { minLength: 4, maxLength: 12 }),
    fc.boolean(),
    (words, isExactFirst) => {
      const [exact, front, to, other, ...rest] = words as [string, string, string, string];
      const rules = [[`${front}.*`, `${to}.$1`], [exact, other]] as const;
      const mapping = new RestoreMapping({
        ...NONE,
        vhost_mapping: { [exact]: other },
        queue_mapping: Object.fromEntries(isExactFirst ? rules.toReversed() : rules),
      });
      const queue = (name: string, vhost = "VHOST") => mapping.mapQueue({ vhost, name });
      for (const name of rest) {
        assert.deepEqual(queue(name), { vhost: "VHOST", name });
        // A capture gives back what it took, dots and all.
        assert.equal(queue(`${front}.${name}.x`).name, `${to}.${name}.x`);
        // The name of a vhost says nothing of a queue.
        assert.deepEqual(queue(name, exact), { vhost: other, name });
      }
      assert.deepEqual(queue(exact), { vhost: "VHOST", name: other });
      // The same however often it is asked, also of what another name has become.
      assert.deepEqual(queue(other), { vhost: "VHOST", name: other });
    },
  ));
});

Deno.test("property: several queues become one only where the rules say so", () => {
  fc.assert(fc.property(
    fc.uniqueArray(word, { minLength: 3, maxLength: 12 }),
    fc.nat(10),
    (names, merged) => {
      const into = "all";
      const chosen = names.slice(0, merged % names.length).filter((name) => name !== into);
      const mapping = new RestoreMapping({
        ...NONE,
        queue_mapping: Object.fromEntries(chosen.map((name) => [name, into])),
      });
      const targets = Map.groupBy(names, (name) => mapping.mapQueue({ vhost: "VHOST", name }).name);
      for (const [target, sources] of targets) {
        assert.deepEqual(
          sources,
          target === into
            ? names.filter((name) => chosen.includes(name) || name === into)
            : [target],
        );
      }
      assert.deepEqual(mapping.unused(), []);
    },
  ));
});
