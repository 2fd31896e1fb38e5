import assert from "node:assert/strict";
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
