/** Users, passwords, tags and permissions: what keeps a run out, and what is then told and kept. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import {
  administrator,
  assertFailed,
  assertNoSecret,
  assertNoSecretIn,
  assertNothingLeft,
  assertOk,
  assertPartial,
  assertRestores,
  assertWhole,
  listed,
  load,
  TestUser,
} from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { createVhost, remove, testVhost } from "./helpers/queues.ts";

testOnEach("one command, kept out for one reason after the other, then let in", async (broker) => {
  await using vhost = await testVhost(broker, "access");
  const classic = await load(broker, await vhost.queue("classic"));
  const quorum = await load(broker, await vhost.queue("quorum", { type: "quorum" }));
  await using user = new TestUser(broker);
  await using job = await newJob(user.address);
  const backup = (backupId = "test") => job.backup({ backupId, vhosts: [vhost.name] }, ["--json"]);

  await user.put("administrator", "not-the-configured-one");
  assertFailed(await backup(), {
    code: 5,
    error: new RegExp(
      `^Cannot ask the broker at http://.*: user "${user.name}" was refused( \\(.*\\))?$`,
    ),
    hint: /Correct management_username and management_password/,
  });

  await user.put("");
  assertFailed(await backup(), {
    code: 5,
    error: new RegExp(`user "${user.name}" needs the tag "management"$`),
    hint: new RegExp(`rabbitmqctl set_user_tags ${user.name} management`),
  });

  await user.put("administrator");
  assertFailed(await backup(), {
    code: 5,
    error: new RegExp(`vhost "${vhost.name}".*: user "${user.name}" has no permission on it$`),
    hint: /set_permissions/,
  });
  // Nothing has been claimed, so another run of any kind could take the id.
  await assert.rejects(Deno.stat(job.backups), Deno.errors.NotFound);
  await assertNothingLeft(job);

  await user.grant(vhost.name, {});
  assertFailed(await backup(), {
    code: 5,
    error: /^Cannot use queue "(classic|quorum)": the user may not (look at|read) it/,
    hint: /grant read permission/,
  });

  await user.grant(vhost.name, { read: ".*" });
  if (broker.version === "4.0") {
    // Its quorum queues have a delivery limit: who reads them has to be able to put a message back.
    const partial = await backup("read-only");
    assertPartial(
      partial,
      /"queue":"quorum","queue_type":"quorum","outcome":"skipped".*may not publish/,
    );
    await assertWhole(broker, classic, quorum);
    await user.grant(vhost.name, { read: ".*", write: "^amq\\.default$" });
  }
  assertOk(await backup());
  assertOk(await job.validate());
  await assertNothingLeft(job);
  await assertNoSecretIn(job);
  await assertWhole(broker, classic, quorum);

  const restore = () => job.restore({ restore: { queues: { vhosts: [vhost.name] } } });
  await user.grant(vhost.name, { read: ".*" });
  for (const { queue } of [classic, quorum]) {
    await remove(broker, `queues/${vhost.name}/${queue.name}/contents`);
  }
  assertFailed(await restore(), {
    code: 5,
    error: /^Cannot publish to queue "(classic|quorum)" of vhost "access-.*": .* not write to it/,
    hint: /grant write permission/,
  });
  await user.grant(vhost.name, { write: ".*", read: ".*" });
  await user.put("impersonator"); // the messages have the user_id of another
  assertOk(await restore());
  await assertWhole(broker, classic, quorum);
});

testOnEach("the AMQP password is wrong, the management password right", async (broker) => {
  await using vhost = await testVhost(broker, "access");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using user = new TestUser(broker);
  await user.put("administrator", "not-the-configured-one");
  await using job = await newJob(user.address);
  const management = {
    management_username: broker.username,
    management_password: broker.password,
    queues: { vhosts: [vhost.name] },
  };
  assertFailed(await job.backup({ source: management }), {
    code: 5,
    error: /^Cannot log in to .*: user "user-.*" was refused \(wrong name or password\)$/,
    hint: /check the user and password in amqp_url/,
  });
  await assert.rejects(Deno.stat(job.backups), Deno.errors.NotFound);
  const chatty = await job.backup({ source: management }, ["-vv"]);
  assert.match(chatty.stderr, /Caused by: /);
  assertNoSecret(chatty);

  // The same of a restore, which needs no management API.
  await using first = await newJob(broker);
  assertOk(await first.backup({ vhosts: [vhost.name] }));
  assertFailed(await first.restore({ target: { amqp_url: user.amqpUrl } }), {
    code: 5,
    error: /^Cannot log in to .*: user "user-.*" was refused \(wrong name or password\)$/,
    hint: /check the user and password in amqp_url/,
  });
  await assertWhole(broker, loaded);
});

testOnEach("what a user may not read is left out and named", async (broker) => {
  await using open = await testVhost(broker, "rights-open");
  await using closed = await testVhost(broker, "rights-closed");
  const readable = await load(broker, await open.queue("readable"));
  const secret = await load(broker, await open.queue("secret"));
  const other = await load(broker, await closed.queue("other"));
  await using user = new TestUser(broker);
  await using job = await newJob(user.address);
  const vhosts = ["rights-*"];
  await user.put("monitoring");

  await user.grant(open.name, { read: "^readable$" });
  assertPartial(
    await job.backup({ backupId: "one-queue", vhosts }),
    /definitions are not in this backup: .* needs the tag "administrator"/,
    /secret \(rights-open-.*: Cannot use queue "secret": the user may not (look at|read) it/,
    new RegExp(`the queues of vhost "${closed.name}" are not in this backup`),
    /Backup one-queue is PARTIAL: 1 queue, 50 messages/,
  );
  const manifest = await job.manifest("one-queue");
  assert.equal(manifest.state, "partial");
  assert.equal(manifest.definitions, null);
  assert.deepEqual(manifest.skipped.map(({ name }: { name: string }) => name), ["secret"]);
  assert.match(manifest.warnings.join("\n"), new RegExp(closed.name));

  // Only the definitions are missing: all messages are there.
  await user.grant(open.name, { read: ".*" });
  assertPartial(
    await job.backup({ backupId: "no-definitions", vhosts: [open.name] }),
    /Hint: use an administrator for the management API/,
    /Backup no-definitions is PARTIAL: 2 queues, 100 messages/,
  );
  assertOk(
    await job.backup({
      backupId: "not-asked-for",
      vhosts: [open.name],
      backup: { include_definitions: false },
    }),
  );

  // A vhost that is asked for by name is no detail: nothing is backed up without it.
  assertFailed(await job.backup({ backupId: "by-name", vhosts: [open.name, closed.name] }), {
    code: 5,
    error: new RegExp(`vhost "${closed.name}": user "${user.name}" has no permission on it$`),
    hint: /set_permissions/,
  });

  // Another user may list what this one may not open.
  assertPartial(
    await job.backup({
      backupId: "listed",
      source: {
        queues: { vhosts },
        management_username: broker.username,
        management_password: broker.password,
      },
    }),
    new RegExp(`other \\(${closed.name}\\): Cannot open vhost .* user "${user.name}" has no permi`),
    /Backup listed is PARTIAL: 2 queues/,
  );

  const found = await listed(job);
  assert.deepEqual(
    Object.fromEntries(Object.entries(found).map(([id, { state }]) => [id, state])),
    {
      "one-queue": "partial",
      "no-definitions": "partial",
      "not-asked-for": "complete",
      "listed": "partial",
    },
  );
  for (const id of Object.keys(found)) assertOk(await job.validate(id));
  await assertNothingLeft(job);
  await assertNoSecretIn(job);
  await assertWhole(broker, readable, secret, other);
  await using restoring = await administrator(broker, open.name);
  const config = { backupId: "no-definitions", target: { amqp_url: restoring.amqpUrl } };
  await assertRestores(broker, { job, config, loaded: [readable, secret] });
});

Deno.test("a vhost that is not there", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "missing");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using job = await newJob(broker);
  assertFailed(await job.backup({ vhosts: [`${vhost.name}x`] }), {
    code: 5,
    error: new RegExp(`there is no vhost "${vhost.name}x"; did you mean "${vhost.name}"\\?$`),
    hint: /^Hint: There are "/,
  });
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await remove(broker, `vhosts/${vhost.name}`);
  assertFailed(await job.restore(), {
    code: 5,
    error: new RegExp(`^Cannot open vhost "${vhost.name}" on .*: there is no such vhost$`),
    hint: /definitions-import/,
  });
  await createVhost(broker, vhost.name);
  await assertRestores(broker, { job, loaded: [loaded] });
});
