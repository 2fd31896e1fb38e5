/** A restore that brings the definitions back before the messages, or nothing at all. */
import assert from "node:assert/strict";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import {
  createBoundExchange,
  createUser,
  createVhost,
  management,
  put,
  queueDepth,
  remove,
  setPermissions,
  type TestVhost,
  testVhost,
} from "./helpers/queues.ts";

testOnEach("definitions, then messages, into a vhost that is gone", async (broker) => {
  await using job = await newJob(broker);
  await using vhost = await testVhost(broker, "restore-defs");
  await backUp(job, vhost);
  const restore = {
    restore_definitions: true,
    definitions_selection: { vhosts: [vhost.name] },
  };
  const scope = encodeURIComponent(vhost.name);
  await remove(broker, `vhosts/${scope}`);
  try {
    // 1. What would be done, with both flags that say so.
    for (
      const [config, flags] of [
        [restore, ["--dry-run"]],
        [{ ...restore, definitions_dry_run: true }, []],
      ] as const
    ) {
      const tried = await job.restore({ target: targetOf(broker), restore: config }, [
        ...flags,
        "--json",
      ]);
      assert.equal(tried.code, 0, tried.stdout + tried.stderr);
      const plan = flags.length > 0 ? JSON.parse(tried.stdout) : jsonLines(tried, "plan")[0];
      assert.deepEqual(plan.definitions.created.map(({ kind }: { kind: string }) => kind), [
        "vhosts",
        "permissions",
        "policies",
        "queues",
        "exchanges",
        "bindings",
      ]);
      assert.deepEqual(plan.queues.map(({ action }: { action: string }) => action), ["create"]);
    }
    assert.deepEqual(await vhostsNamed(broker, vhost.name), []);

    // 2. Done.
    const restored = await job.restore({ target: targetOf(broker), restore }, ["--json"]);
    assert.equal(restored.code, 0, restored.stderr);
    await using client = await PlainClient.open(broker, vhost.name);
    assert.deepEqual((await client.take("orders")).map(({ body }) => body), ["1", "2", "3"]);
    const bindings = await management(broker, `queues/${scope}/orders/bindings`);
    assert.equal((bindings as unknown[]).length, 2, "the default one, and that of the exchange");
    const { definition } = await management(broker, `policies/${scope}/limit`) as {
      definition: unknown;
    };
    assert.deepEqual(definition, { "max-length": 1000 });
    assert.equal((await snapshots(job)).length, 1);

    // 3. Again: nothing to change, so nothing is kept.
    const again = await job.restore({
      target: targetOf(broker),
      restore: { ...restore, if_not_empty: "append" },
    });
    assert.equal(again.code, 0, again.stderr);
    assert.equal((await snapshots(job)).length, 1);
  } finally {
    // The vhost's own end deletes it; it has to be there.
    await createVhost(broker, vhost.name);
  }
});

testOnEach("without all definitions no message is restored", async (broker) => {
  await using job = await newJob(broker);
  await using vhost = await testVhost(broker, "restore-defs");
  await backUp(job, vhost);
  const queue = { vhost: vhost.name, name: "orders" };
  const scope = encodeURIComponent(vhost.name);
  await remove(broker, `queues/${scope}/orders`);
  await remove(broker, `policies/${scope}/limit`);
  // The queue is there, and otherwise than in the backup: no import changes that.
  await vhost.queue("orders", { type: "classic", arguments: { "x-max-length": 9 } });
  const restore = { restore_definitions: true, definitions_selection: { vhosts: [vhost.name] } };
  const refused = await job.restore({ target: targetOf(broker), restore });
  assert.equal(refused.code, 7, refused.stdout + refused.stderr);
  assert.match(refused.stderr, /Cannot restore the definitions: "orders" of vhost .* otherwise/);
  assert.match(refused.stderr, /No message has been restored/);
  assert.equal(await queueDepth(broker, queue), 0);
  assert.deepEqual(await management(broker, `policies/${scope}`), [], "nothing was changed");
  assert.deepEqual(await snapshots(job), []);

  // Selectors that match nothing, and names that messages do not follow.
  const none = await job.restore({ target: targetOf(broker), restore, backup: {} }, [
    "--select-queue",
    "none",
  ]);
  assert.equal(none.code, 2, none.stderr);
  assert.match(none.stderr, /no queue matches "none"/);
  const renamed = await job.restore({ target: targetOf(broker), restore }, [
    "--rename-vhost",
    `${vhost.name}=x`,
  ]);
  assert.equal(renamed.code, 2, renamed.stderr);
  assert.match(renamed.stderr, /Hint: use restore\.vhost_mapping/);
  assert.equal(await queueDepth(broker, queue), 0);

  // Told to go on without.
  const lenient = await job.restore({ target: targetOf(broker), restore }, ["--skip-unsupported"]);
  assert.equal(lenient.code, 0, lenient.stdout + lenient.stderr);
  assert.match(lenient.stderr, /"orders" of vhost .* was left: it is otherwise/);
  assert.equal(await queueDepth(broker, queue), 3);
});

testOnEach("definitions go where the messages are mapped to", async (broker) => {
  await using job = await newJob(broker);
  await using vhost = await testVhost(broker, "restore-defs");
  await backUp(job, vhost);
  const moved = `${vhost.name}-moved`;
  const restore = {
    restore_definitions: true,
    definitions_selection: { vhosts: [vhost.name] },
    vhost_mapping: { [vhost.name]: moved },
    queues: { vhosts: [vhost.name] },
  };
  try {
    const restored = await job.restore({ target: targetOf(broker), restore });
    assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    assert.equal(await queueDepth(broker, { vhost: moved, name: "orders" }), 3);
    const policies = await management(broker, `policies/${encodeURIComponent(moved)}`);
    assert.equal((policies as unknown[]).length, 1);
  } finally {
    await remove(broker, `vhosts/${encodeURIComponent(moved)}`);
  }
});

testOnEach("who may not publish once the definitions are there is told before", async (broker) => {
  await using job = await newJob(broker);
  await using vhost = await testVhost(broker, "restore-defs");
  await backUp(job, vhost);
  const scope = encodeURIComponent(vhost.name);
  const name = `writer-${crypto.randomUUID().slice(0, 8)}`;
  await createUser(broker, { name, password: "canary-77de" });
  await remove(broker, `vhosts/${scope}`);
  const url = new URL(broker.amqpUrl);
  [url.username, url.password] = [name, "canary-77de"];
  const admin = { management_username: broker.username, management_password: broker.password };
  const target = { ...targetOf(broker), ...admin, amqp_url: url.href.replace(/\/$/, "") };
  const restore = { restore_definitions: true, definitions_selection: { vhosts: [vhost.name] } };
  try {
    for (const flags of [["--dry-run"], []]) {
      const refused = await job.restore({ target, restore }, flags);
      assert.equal(refused.code, 7, refused.stdout + refused.stderr);
      const text = refused.stdout + refused.stderr;
      assert.match(text, /by the definitions user "writer-[0-9a-f]+" gets no permissions there/);
    }
    assert.deepEqual(await vhostsNamed(broker, vhost.name), []);
  } finally {
    await createVhost(broker, vhost.name);
    await remove(broker, `users/${name}`);
  }
});

testOnEach(
  "who may not keep each user_id is told before definitions are imported",
  async (broker) => {
    await using job = await newJob(broker);
    await using vhost = await testVhost(broker, "restore-defs");
    await backUp(job, vhost);
    const scope = encodeURIComponent(vhost.name);
    const name = `keeper-${crypto.randomUUID().slice(0, 8)}`;
    const password = "canary-77de";
    await put(broker, `users/${name}`, { password, tags: "administrator" });
    await remove(broker, `vhosts/${scope}`);
    const url = new URL(broker.amqpUrl);
    [url.username, url.password] = [name, password];
    const target = { ...targetOf(broker), amqp_url: url.href.replace(/\/$/, "") };
    const selection = { vhosts: [vhost.name] };
    const config = {
      target,
      restore: { restore_definitions: true, definitions_selection: selection, user_id: "keep" },
    };
    try {
      for (const flags of [["--dry-run"], []]) {
        const refused = await job.restore(config, flags);
        assert.equal(refused.code, 7, refused.stdout + refused.stderr);
        const text = refused.stdout + refused.stderr;
        assert.match(
          text,
          /every user_id is to be kept, and user "keeper-[0-9a-f]+" has not the tag/,
        );
      }
      assert.deepEqual(await vhostsNamed(broker, vhost.name), []);
      await put(broker, `users/${name}`, { password, tags: "administrator,impersonator" });
      const restored = await job.restore(config);
      assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    } finally {
      await put(broker, `vhosts/${scope}`, {});
      await remove(broker, `users/${name}`);
    }
  },
);

testOnEach("who restores keeps the password, or nothing is done", async (broker) => {
  await using job = await newJob(broker);
  await using vhost = await testVhost(broker, "restore-defs");
  const name = `admin-${crypto.randomUUID().slice(0, 8)}`;
  const user = (password: string) => createUser(broker, { name, password, tags: "administrator" });
  await user("canary-old-31");
  await setPermissions(broker, { vhost: vhost.name, user: name });
  await backUp(job, vhost);
  const url = new URL(broker.amqpUrl);
  [url.username, url.password] = [name, "canary-old-31"];
  const target = { ...targetOf(broker), amqp_url: url.href.replace(/\/$/, "") };
  const restore = {
    restore_definitions: true,
    definitions_selection: { vhosts: [vhost.name], users: true },
    if_not_empty: "append",
  };
  try {
    // The same password has another hash, and is the same.
    await user("canary-old-31");
    const same = await job.restore({ target, restore }, ["--dry-run"]);
    assert.equal(same.code, 0, same.stdout + same.stderr);
    assert.match(same.stdout, /password_hash: \*\*\* -> \*\*\*/);

    // Another one is found, and the import alone goes through to its end.
    await user("canary-new-32");
    [url.username, url.password] = [name, "canary-new-32"];
    target.amqp_url = url.href.replace(/\/$/, "");
    const refused = await job.restore({ target, restore });
    assert.equal(refused.code, 7, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /user "admin-.*", who restores, would get another password/);
    const imported = await runCli([
      "definitions-import",
      "-p",
      job.backups,
      "-b",
      "test",
      "--json",
      ...[
        "--select-vhost",
        vhost.name,
        "--select-users",
      ],
    ], {
      env: {
        RABBITMQ_BACKUP_AMQP_URL: target.amqp_url,
        RABBITMQ_BACKUP_MANAGEMENT_URL: broker.managementUrl,
        XDG_STATE_HOME: job.dir.path,
      },
    });
    assert.equal(imported.code, 0, imported.stdout + imported.stderr);
    const { updated, changed_meaning } = JSON.parse(imported.stdout);
    assert.ok(updated.some((one: { name: string }) => one.name === name));
    assert.match(JSON.stringify(changed_meaning), /would get another password/);
    assert.doesNotMatch(imported.stdout + imported.stderr + refused.stderr, /canary/);
  } finally {
    await remove(broker, `users/${name}`);
  }
});

testOnEach("who may not import definitions restores nothing", async (broker) => {
  await using job = await newJob(broker);
  await using vhost = await testVhost(broker, "restore-defs");
  await backUp(job, vhost);
  await remove(broker, `queues/${encodeURIComponent(vhost.name)}/orders`);
  const target = {
    ...targetOf(broker),
    management_username: "nobody",
    management_password: "canary-42ab",
  };
  const refused = await job.restore({ target, restore: { restore_definitions: true } });
  assert.equal(refused.code, 5, refused.stderr);
  assert.match(refused.stderr, /Cannot import definitions at .*: user "nobody" was refused/);
  assert.doesNotMatch(refused.stderr, /canary/);
  assert.equal(await queueDepth(broker, { vhost: vhost.name, name: "orders" }), undefined);
});

/** A vhost with a queue of three messages, an exchange, a binding and a policy, backed up. */
async function backUp(job: Job, vhost: TestVhost): Promise<void> {
  const { broker, name } = vhost;
  await vhost.queue("orders", { type: "quorum" });
  await createBoundExchange(broker, { vhost: name, name: "orders.x", queue: "orders" });
  const policy = { pattern: "^orders", definition: { "max-length": 1000 }, "apply-to": "queues" };
  await put(broker, `policies/${encodeURIComponent(name)}/limit`, policy);
  await using client = await PlainClient.open(broker, name);
  await client.publish([["orders", "1"], ["orders", "2"], ["orders", "3"]]);
  const taken = await job.backup({ vhosts: [name] });
  assert.equal(taken.code, 0, taken.stderr);
}

function targetOf({ amqpUrl, managementUrl }: Broker) {
  return { amqp_url: amqpUrl, management_url: managementUrl };
}

async function snapshots(job: Job): Promise<string[]> {
  const folder = job.dir.join("backups", "test", "definitions");
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  return names.filter((name) => /^rollback-before-import-\d{13}\.zst$/.test(name));
}

async function vhostsNamed(broker: Broker, name: string): Promise<unknown[]> {
  const all = await management(broker, "vhosts") as { name: string }[];
  return all.filter((vhost) => vhost.name === name);
}
