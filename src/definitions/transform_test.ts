import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Definitions } from "./document.ts";
import { TRANSFORMATION_NAMES } from "../config/transformations.ts";
import { renameVhosts, transformDefinitions } from "./transform.ts";

const queue = (name: string, table: Record<string, unknown> = {}, more = {}) => ({
  vhost: "/",
  name,
  durable: true,
  auto_delete: false,
  arguments: table,
  ...more,
});
const policy = (name: string, definition: Record<string, unknown>, more = {}) => ({
  vhost: "/",
  name,
  pattern: `^${name}`,
  "apply-to": "queues",
  priority: 0,
  definition,
  ...more,
});

const MIRRORED: Definitions = {
  policies: [
    policy("ha", { "ha-mode": "all", "ha-sync-mode": "automatic" }),
    policy("mix", {
      "ha-mode": "all",
      "queue-mode": "lazy",
      "max-length": 5,
      "overflow": "reject-publish-dlx",
    }),
    policy("ha-not", { "max-length": 3 }, { priority: 9 }),
    policy("x", { "ha-mode": "all" }, { "apply-to": "exchanges" }),
    policy("plain", { "max-length": 1 }),
  ],
  queues: [
    queue("ha.1", { "x-max-priority": 5, "x-note": 1 }),
    queue("mix.1", { "x-overflow": "reject-publish-dlx", "x-ha-mode": "all" }),
    queue("ha-not.1"),
    queue("plain.1"),
    queue("x.1"),
    queue("ha.transient", {}, { durable: false }),
    queue("ha.stream", { "x-queue-type": "stream" }),
    queue("ha.2", {}, { vhost: "other" }),
  ],
};

function typesOf(definitions: Definitions): Record<string, unknown> {
  return Object.fromEntries(
    definitions.queues!.map(({ name, arguments: table }) => [
      name,
      (table as Record<string, unknown>)["x-queue-type"],
    ]),
  );
}

function definitionOf(definitions: Definitions, name: string): unknown {
  return definitions.policies?.find((one) => one.name === name)?.definition;
}

Deno.test("strip_cmq_keys_from_policies: what was mirrored becomes a quorum queue, and nothing else", () => {
  const result = transformDefinitions(MIRRORED, ["strip_cmq_keys_from_policies"]);
  assert.deepEqual(definitionOf(result, "ha"), {});
  assert.deepEqual(definitionOf(result, "plain"), { "max-length": 1 });
  assert.deepEqual(typesOf(result), {
    "ha.1": "quorum",
    "mix.1": "quorum",
    "ha-not.1": undefined,
    "plain.1": undefined,
    "x.1": undefined,
    "ha.transient": undefined,
    "ha.stream": "stream",
    "ha.2": undefined,
  });
  assert.deepEqual(result.queues?.[0]?.arguments, { "x-note": 1, "x-queue-type": "quorum" });
});

Deno.test("prepare_for_quorum_queue_migration, drop_empty_policies", () => {
  const result = transformDefinitions(MIRRORED, [
    "prepare_for_quorum_queue_migration",
    "drop_empty_policies",
  ]);
  assert.deepEqual(definitionOf(result, "mix"), { "max-length": 5, overflow: "reject-publish" });
  assert.deepEqual(result.policies?.map(({ name }) => name), ["mix", "ha-not", "plain"]);
  assert.deepEqual(result.queues?.[1]?.arguments, {
    "x-overflow": "reject-publish",
    "x-queue-type": "quorum",
  });
});

Deno.test("a mirroring policy whose pattern is not understood is an error", () => {
  const odd = { policies: [policy("ha", { "ha-mode": "all" }, { pattern: "(?<=a" })], queues: [] };
  assert.throws(() => transformDefinitions(odd, ["strip_cmq_keys_from_policies"]), {
    code: "usage",
    message: /policy "ha" mirrors: its pattern/,
  });
});

Deno.test("obfuscate_usernames: users and permissions alike, with passwords that are said", () => {
  const right = { vhost: "/", user: "bob", configure: "", write: "", read: "" };
  const result = transformDefinitions({
    users: [{ name: "alice", password_hash: "x" }, { name: "bob", password_hash: "y" }],
    permissions: [right, { ...right, user: "gone" }],
    topic_permissions: [{ ...right, exchange: "e" }],
  }, ["obfuscate_usernames"]);
  assert.deepEqual(result.users?.map(({ name }) => name), [
    "obfuscated-username-1",
    "obfuscated-username-2",
  ]);
  assert.deepEqual(result.permissions?.map(({ user }) => user), ["obfuscated-username-2", "gone"]);
  assert.equal(result.topic_permissions?.[0]?.user, "obfuscated-username-2");
  const hash = Uint8Array.from(
    atob(String(result.users?.[1]?.password_hash)),
    (char) => char.charCodeAt(0),
  );
  const expected = createHash("sha256").update(hash.subarray(0, 4)).update("password-2").digest();
  assert.deepEqual([...hash.subarray(4)], [...expected]);
});

Deno.test("exclude_… and drop_host_bound_parameters leave empty lists, and all else", () => {
  const all: Definitions = {
    users: [{ name: "u" }],
    permissions: [{ user: "u" }],
    topic_permissions: [{ user: "u" }],
    policies: [policy("p", { a: 1 })],
    parameters: [{ component: "shovel", name: "s" }, { component: "vhost-limits", name: "l" }],
    global_parameters: [{ name: "cluster_name" }, { name: "mine" }],
  };
  const left = (name: string) => {
    const result = transformDefinitions(all, [name]);
    return Object.entries(result).filter(([key, list]) =>
      (list as unknown[]).length !== (all[key] as unknown[]).length
    ).map(([key, list]) => `${key} ${(list as unknown[]).length}`);
  };
  assert.deepEqual(left("no_op"), []);
  assert.deepEqual(left("exclude_users"), ["users 0"]);
  assert.deepEqual(left("exclude_permissions"), ["permissions 0", "topic_permissions 0"]);
  assert.deepEqual(left("exclude_runtime_parameters"), ["parameters 0"]);
  assert.deepEqual(left("exclude_policies"), ["policies 0"]);
  assert.deepEqual(left("drop_host_bound_parameters"), ["parameters 1", "global_parameters 1"]);
});

Deno.test("transformDefinitions: an unknown name is an error that names the nearest", () => {
  assert.throws(() => transformDefinitions({ queues: [] }, ["no_op", "exclude_user"]), {
    code: "usage",
    message: /no transformation "exclude_user"; did you mean "exclude_users"\?$/,
    hint: new RegExp(TRANSFORMATION_NAMES.join(", ")),
  });
  assert.throws(() => transformDefinitions({ queues: [] }, ["toString"]), { code: "usage" });
});

Deno.test("renameVhosts: in all that belongs to them, also crosswise", () => {
  const shop = { vhost: "shop", name: "q" };
  const broker = { vhosts: [{ name: "shop" }, { name: "/" }], queues: [shop, queue("q")] };
  const result = renameVhosts(broker, { shop: "/", "/": "shop" });
  assert.deepEqual(result.vhosts, [{ name: "/" }, { name: "shop" }]);
  assert.deepEqual(result.queues?.map(({ vhost }) => vhost), ["/", "shop"]);
  const single = { original_vhost_name: "shop", queues: [{ name: "q" }] };
  assert.equal(renameVhosts(single, { shop: "store" }).original_vhost_name, "store");
  assert.throws(() => renameVhosts(broker, { shop: "/" }), { message: /two would be "\/"$/ });
  assert.throws(() => renameVhosts(broker, { shop: "" }), { message: /a name is empty$/ });
  assert.throws(() => renameVhosts(broker, { shpo: "s" }), { message: /did you mean "shop"/ });
});
