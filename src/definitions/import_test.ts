import assert from "node:assert/strict";
import { failure } from "../../tests/helpers/app_error.ts";
import { Secret } from "../config/secret.ts";
import type { AppError, ErrorCode } from "../errors.ts";
import { exportDefinitions } from "./export.ts";
import { FakeBroker } from "./fake_broker.ts";
import { importDefinitions } from "./import.ts";
import { hasPassword } from "./password.ts";
import { parseDefinitions } from "./parse.ts";

Deno.test("importDefinitions: creates, leaves alone, updates, and says which", async () => {
  const broker = new FakeBroker({
    queues: [
      queue("same", {}),
      queue("typed", { "x-queue-type": "classic" }),
      queue("other", { "x-max-length": 1 }),
    ],
    policies: [policy("p", 1), policy("kept", 1)],
  });
  const wanted = {
    queues: [queue("same", {}), queue("typed", {}), queue("other", {}), queue("new", {})],
    policies: [policy("p", 2), policy("kept", 1), policy("made", 1)],
    exchanges: [{ vhost: "/", name: "amq.rabbitmq.log", type: "topic" }],
  };
  const report = await broker.import(wanted);
  assert.deepEqual(report.kinds, [
    {
      kind: "policies",
      total: 3,
      created: 1,
      updated: 1,
      unchanged: 1,
      different: 0,
      failed: 0,
      missing: 0,
    },
    {
      kind: "queues",
      total: 4,
      created: 1,
      updated: 0,
      unchanged: 2,
      different: 1,
      failed: 0,
      missing: 0,
    },
  ]);
  assert.equal(report.complete, false);
  assert.deepEqual(report.different, [{
    kind: "queues",
    vhost: "/",
    name: "other",
    fields: [{ field: "arguments.x-max-length", from: "1" }],
  }]);
  assert.deepEqual(report.created, [
    { kind: "policies", vhost: "/", name: "made" },
    { kind: "queues", vhost: "/", name: "new" },
  ]);
  assert.deepEqual(report.updated, [{
    kind: "policies",
    vhost: "/",
    name: "p",
    fields: [{ field: "definition.limit", from: "1", to: "2" }],
  }]);
  const sent = broker.imports.map(({ json }) => json);
  assert.deepEqual(sent, [{
    policies: [wanted.policies[0], wanted.policies[2]],
    queues: [queue("new", {})],
  }]);
  const again = await broker.import({ policies: wanted.policies });
  assert.equal(again.complete, true);
  assert.equal(again.kinds[0]?.unchanged, 3);
});

Deno.test("importDefinitions: a dry run says the same and changes nothing", async () => {
  const start = {
    queues: [queue("same", {}), queue("other", { "x-max-length": 1 })],
    policies: [policy("p", 1)],
  };
  const wanted = {
    queues: [queue("same", {}), queue("other", {}), queue("new", {})],
    policies: [policy("p", 2)],
  };
  const dry = new FakeBroker(start);
  const told = await dry.import(wanted, { dryRun: true });
  assert.equal(dry.imports.length, 0);
  const done = await new FakeBroker(start).import(wanted);
  assert.deepEqual({ ...told, dryRun: false }, done);
  assert.equal(told.dryRun, true);
});

Deno.test("importDefinitions: waits for what comes late, and says what does not come", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.lateBy = 2;
  const report = await broker.import({ queues: [queue("late", {})] });
  assert.deepEqual([report.complete, report.kinds[0]?.created], [true, 1]);
  const forgetful = new FakeBroker({ queues: [] });
  forgetful.lateBy = 1000;
  const missing = await forgetful.import({ queues: [queue("gone", {})] }, { timeoutMs: 50 });
  assert.equal(missing.complete, false);
  assert.deepEqual(missing.missing, [{ kind: "queues", vhost: "/", name: "gone" }]);
});

Deno.test("importDefinitions: an abort ends the waiting with its reason", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.lateBy = 1000;
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(
    () => broker.import({ queues: [queue("q", {})] }, { signal: controller.signal }),
    { message: "enough" },
  );
});

Deno.test("importDefinitions: definitions go where they belong", async () => {
  const broker = new FakeBroker({ queues: [] });
  const single = { queues: [{ name: "q", durable: true }], policies: [policy("p", 1)] };
  await refusedWith(broker.import(single), "refused", /of a single vhost, and do not say of which/);
  await refusedWith(
    broker.import({ queues: [queue("q", {})] }, { vhost: "b" }),
    "refused",
    /into vhost "b": they are of vhost "\/"$/,
  );
  await refusedWith(
    broker.import({ vhosts: [{ name: "a" }], queues: [queue("q", {})] }, { vhost: "b" }),
    "refused",
    /into vhost "b": they are of a whole broker$/,
  );
  assert.equal(broker.imports.length, 0);
  await broker.import(single, { vhost: "b", timeoutMs: 0 });
  await broker.import(single, { vhost: "..", timeoutMs: 0 });
  const { vhost: _, ...homeless } = policy("p", 1);
  assert.deepEqual(
    broker.imports,
    [
      { vhost: "b", json: { queues: [{ name: "q", durable: true }], policies: [homeless] } },
      {
        vhost: undefined,
        json: {
          queues: [{ name: "q", durable: true, vhost: ".." }],
          policies: [{ ...homeless, vhost: ".." }],
        },
      },
    ],
  );
});

Deno.test("importDefinitions: a report names users, and never their hashes", async () => {
  const broker = new FakeBroker({
    users: [{ name: "me", password_hash: "b2xkLWhhc2g=", tags: [] }],
  });
  const users = ["me", "you"].map((name) => ({
    name,
    password_hash: "Y2FuYXJ5LWhhc2g=",
    tags: [],
  }));
  const report = await broker.import({ users }, { dryRun: true });
  const fields = [{ field: "password_hash", from: "***", to: "***" }];
  assert.deepEqual(report.updated, [{ kind: "users", name: "me", fields }]);
  assert.deepEqual(report.created, [{ kind: "users", name: "you" }]);
  assert.ok(!/Y2FuYXJ5|b2xkLW/.test(JSON.stringify(report)));
});

Deno.test("importDefinitions: an export of one vhost goes back to it, unless told otherwise", async () => {
  const source = new FakeBroker({ queues: [{ name: "q", durable: true }] });
  const { text } = await exportDefinitions(source.client, { vhost: "shop" });
  assert.equal(JSON.parse(text).original_vhost_name, "shop");
  for (const [vhost, expected] of [[undefined, "shop"], ["other", "other"]] as const) {
    const broker = new FakeBroker({ queues: [] });
    const report = await importDefinitions(broker.client, parseDefinitions(text), {
      vhost,
      timeoutMs: 0,
    });
    assert.deepEqual(broker.imports.map((each) => each.vhost), [expected]);
    assert.deepEqual(report.created, [{ kind: "queues", vhost: expected, name: "q" }]);
  }
  const nameless = JSON.stringify({ queues: [{ name: "q" }] });
  const error = await refusedWith(
    importDefinitions(source.client, parseDefinitions(nameless)),
    "refused",
    /do not say of which$/,
  );
  assert.match(error.hint ?? "", /--vhost NAME/);
});

Deno.test("importDefinitions: what is refused is found alone, and all else is there", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.refuses.add("q3").add("q7");
  const queues = Array.from({ length: 10 }, (_, at) => queue(`q${at}`, {}));
  const report = await broker.import({ queues });
  assert.deepEqual(report.failed, [
    { kind: "queues", vhost: "/", name: "q3", reason: "no q3" },
    { kind: "queues", vhost: "/", name: "q7", reason: "no q7" },
  ]);
  assert.deepEqual([report.complete, report.created.length], [false, 8]);
});

Deno.test("importDefinitions: more refusals than slips of single objects end it", async () => {
  const broker = new FakeBroker({ queues: [] });
  const queues = Array.from({ length: 150 }, (_, at) => queue(`q${at}`, {}));
  for (const { name } of queues) broker.refuses.add(name);
  const error = await refusedWith(broker.import({ queues }), "failed", /more than 100 objects/);
  assert.match(error.hint ?? "", /run this again/);
});

Deno.test("importDefinitions: what the broker drops without a word is missing", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.drops.add("lost");
  const report = await broker.import({ queues: [queue("lost", {})] }, { timeoutMs: 0 });
  assert.deepEqual(report.missing, [{ kind: "queues", vhost: "/", name: "lost" }]);
});

Deno.test("importDefinitions: another major version is refused before anything is changed", async () => {
  const broker = new FakeBroker({ queues: [], policies: [] });
  const mirrored = { ...policy("ha", 1), definition: { "ha-mode": "all" } };
  const wanted = {
    rabbitmq_version: "3.13.7",
    queues: [queue("q", {})],
    policies: [mirrored, policy("kept", 1)],
  };
  let snapshots = 0;
  const beforeChange = () => Promise.resolve(void snapshots++);
  const error = await refusedWith(
    broker.import(wanted, { beforeChange }),
    "refused",
    /they are of RabbitMQ 3\.13\.7, and the broker is 4\.0\.5$/,
  );
  assert.match(error.hint ?? "", /"ha" of vhost "\/" in policies.*--allow-version-mismatch/);
  assert.deepEqual([broker.imports.length, snapshots], [0, 0]);
  const told = await broker.import(wanted, { dryRun: true });
  assert.deepEqual(told.mismatch, { source: "3.13.7", target: "4.0.5" });
  assert.match(told.blocked?.wayOut ?? "", /--allow-version-mismatch/);
  assert.deepEqual(told.failed.map(({ name }) => name), ["ha"]);
  const report = await broker.import(wanted, { allowVersionMismatch: true, beforeChange });
  assert.deepEqual(report.created.map(({ name }) => name), ["kept", "q"]);
  assert.match(report.failed[0]?.reason ?? "", /no mirrored queues/);
  assert.deepEqual([report.complete, snapshots], [false, 1]);
});

Deno.test("importDefinitions: what would be refused stops it, or is left out when told to", async () => {
  const broker = new FakeBroker({ queues: [], parameters: [] });
  const wanted = {
    queues: [queue("amq.gen-1", {}), queue("ok", {})],
    parameters: [{ vhost: "/", component: "shovel", name: "s", value: {} }],
  };
  const error = await refusedWith(
    broker.import(wanted),
    "refused",
    /would not take 2 objects of them$/,
  );
  assert.match(error.hint ?? "", /"shovel s" of vhost "\/" in parameters.*--skip-unsupported/);
  assert.equal(broker.imports.length, 0);
  const report = await broker.import(wanted, { skipUnsupported: true });
  assert.deepEqual(report.failed.map(({ name }) => name), ["shovel s", "amq.gen-1"]);
  assert.deepEqual(report.created.map(({ name }) => name), ["ok"]);
  broker.plugins = ["rabbitmq_shovel"];
  const enabled = await broker.import({ parameters: wanted.parameters });
  assert.equal(enabled.complete, true);
});

Deno.test("importDefinitions: the snapshot comes first, and brings back what was there", async () => {
  const old = { queues: [queue("old", {})], policies: [policy("p", 1)] };
  const broker = new FakeBroker(old);
  let snapshot = "";
  await broker.import({ policies: [policy("p", 2)] }, {
    beforeChange: (text) => {
      assert.equal(broker.imports.length, 0);
      snapshot = text;
      return Promise.resolve();
    },
  });
  const report = await broker.import(parseDefinitions(snapshot));
  assert.deepEqual(report.updated.map(({ name }) => name), ["p"]);
  await assert.rejects(
    broker.import({ policies: [policy("p", 3)] }, {
      beforeChange: () => Promise.reject(new Error("disk full")),
    }),
    /disk full/,
  );
  assert.equal(broker.imports.length, 2);
});

Deno.test("importDefinitions: the user who imports is changed last, and all else is verified before", async () => {
  const user = (name: string, password_hash: string) => ({
    name,
    password_hash,
    tags: "administrator",
  });
  const broker = new FakeBroker({ users: [user("guest", "b2xk")], queues: [] });
  broker.locksOut = true;
  broker.lateBy = 1;
  const wanted = {
    users: [user("guest", "bmV3"), user("other", "bmV3")],
    queues: [queue("q", {})],
  };
  const told = await broker.import(wanted, { dryRun: true });
  assert.deepEqual(told.changedMeaning.map(({ name, reason }) => `${name}: ${reason}`), [
    "guest: it is the user who imports, and would get another password",
    "other: it does not say how its password is hashed: the broker takes it for SHA-256, and if " +
    "that is wrong nobody can log in until it gets a new password",
  ]);
  const report = await broker.import(wanted);
  assert.equal(report.complete, true);
  const sent = broker.imports.map(({ json }) => Object.keys(json as object).join());
  assert.deepEqual(sent, ["users,queues", "users"]);
  assert.deepEqual(broker.imports[1]?.json, { users: [user("guest", "bmV3")] });
  assert.deepEqual(report.updated.map(({ name }) => name), ["guest"]);
});

Deno.test("hasPassword: as RabbitMQ hashes it", () => {
  const sha256 = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
  const user = { password_hash: sha256, hashing_algorithm: "rabbit_password_hashing_sha256" };
  // The example of https://www.rabbitmq.com/docs/passwords.
  assert.equal(hasPassword(user, new Secret("test12")), true);
  assert.equal(hasPassword({ password_hash: sha256 }, new Secret("test12")), true);
  assert.equal(hasPassword(user, new Secret("test1")), false);
  for (const algorithm of ["rabbit_password_hashing_sha512", "rabbit_password_hashing_md5", "x"]) {
    assert.equal(
      hasPassword({ ...user, hashing_algorithm: algorithm }, new Secret("test12")),
      false,
    );
  }
  assert.equal(hasPassword({ password_hash: "!" }, new Secret("test12")), false);
});

Deno.test("importDefinitions: a broker keeps its own identity and exchanges", async () => {
  const broker = new FakeBroker({ queues: [] });
  await broker.import({
    global_parameters: [{ name: "internal_cluster_id", value: "other" }, { name: "x", value: 1 }],
    exchanges: [{ vhost: "/", name: "amq.topic", type: "topic" }],
  });
  assert.deepEqual(broker.imports.map(({ json }) => json), [
    { global_parameters: [{ name: "x", value: 1 }] },
  ]);
});

function queue(name: string, table: Record<string, unknown>) {
  return { vhost: "/", name, durable: true, auto_delete: false, arguments: table };
}

function policy(name: string, limit: number) {
  return { vhost: "/", name, pattern: ".*", "apply-to": "all", definition: { limit }, priority: 0 };
}

async function refusedWith(
  promise: Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<AppError> {
  const error = await failure(promise, code);
  assert.match(error.message, message);
  return error;
}
