import assert from "node:assert/strict";
import { diffDefinitions } from "./diff.ts";

Deno.test("diffDefinitions: added, removed, changed field by field, same", () => {
  const policy = { vhost: "/", name: "p", pattern: "a", definition: { "max-length": 1, ttl: 2 } };
  const diff = diffDefinitions({
    policies: [policy],
    queues: [{ vhost: "/", name: "gone" }, { vhost: "/", name: "kept", arguments: [] }],
    exchanges: [{ vhost: "/", name: "amq.rabbitmq.log", type: "topic" }],
  }, {
    policies: [{
      ...policy,
      pattern: "b",
      priority: 0,
      definition: { "max-length": 5, new: true },
    }],
    queues: [
      { vhost: "/", name: "kept", arguments: { "x-queue-type": "classic" } },
      { vhost: "v", name: "gone" },
    ],
  });
  assert.deepEqual(diff, {
    added: [{ kind: "queues", vhost: "v", name: "gone" }],
    removed: [{ kind: "queues", vhost: "/", name: "gone" }],
    changed: [{
      kind: "policies",
      vhost: "/",
      name: "p",
      fields: [
        { field: "pattern", from: '"a"', to: '"b"' },
        { field: "definition.max-length", from: "1", to: "5" },
        { field: "definition.new", to: "true" },
        { field: "definition.ttl", from: "2" },
      ],
    }],
    same: 1,
  });
});

Deno.test("diffDefinitions: of a single vhost against a broker, by the vhost's name", () => {
  const single = { original_vhost_name: "shop", queues: [{ name: "q" }] };
  const whole = { vhosts: [{ name: "shop" }], queues: [{ vhost: "shop", name: "q" }] };
  const diff = diffDefinitions(single, whole, { from: "shop" });
  assert.deepEqual([diff.same, diff.removed, diff.added], [1, [], [{
    kind: "vhosts",
    name: "shop",
  }]]);
});

Deno.test("diffDefinitions: vhosts of 3.x and 4.x, whose fields are in other places", () => {
  const metadata = { description: "d", tags: ["a"], default_queue_type: "quorum" };
  const old = { name: "v", description: "d", tags: ["a"], default_queue_type: "quorum" };
  assert.equal(diffDefinitions({ vhosts: [old] }, { vhosts: [{ name: "v", metadata }] }).same, 1);
  const plain = {
    name: "v",
    metadata: { description: "", tags: [], default_queue_type: "classic" },
  };
  assert.equal(diffDefinitions({ vhosts: [{ name: "v" }] }, { vhosts: [plain] }).same, 1);
  const [changed] = diffDefinitions({ vhosts: [plain] }, { vhosts: [old] }).changed;
  assert.deepEqual(changed?.fields.map(({ field }) => field), [
    "description",
    "tags",
    "default_queue_type",
  ]);
});

Deno.test("diffDefinitions: hashes and what stands in URIs are shown nowhere", () => {
  const shovel = (password: string) => ({
    vhost: "/",
    component: "shovel",
    name: "s",
    value: {
      "src-uri": [`amqp://u:${password}@host/%2f`],
      "app-password": password,
      ack: password,
    },
  });
  const text = JSON.stringify(diffDefinitions({
    users: [{ name: "u", password_hash: "canary1" }],
    parameters: [shovel("canary2")],
    global_parameters: [{ name: "g", value: "amqp://u:canary3@h" }],
  }, {
    users: [{ name: "u", password_hash: "canary4" }],
    parameters: [{ ...shovel("canary5"), value: { ...shovel("canary5").value, ack: "plain" } }],
    global_parameters: [{ name: "g", value: { nested: { token: "canary6" } } }],
  }));
  assert.deepEqual(text.match(/canary\d/g), ["canary2"], text); // of the field `ack`
  assert.match(text, /amqp:\/\/\*\*\*@host/);
});
