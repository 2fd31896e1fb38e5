import assert from "node:assert/strict";
import { ExternalBroker, parseExternal, variableOf } from "./external_broker.ts";

Deno.test("a pair of URLs names a broker", () => {
  const broker = parseExternal("4.0", "amqp://me:p%40ss@mq:5673/, http://mq:15673/");
  assert.equal(broker.amqpUrl, "amqp://me:p%40ss@mq:5673");
  assert.equal(broker.managementUrl, "http://mq:15673");
  assert.deepEqual([broker.username, broker.password], ["me", "p@ss"]);
  assert.deepEqual([broker.way, broker.id], ["environment", "RABBITMQ_BACKUP_TEST_4_0"]);
});

Deno.test("JSON says more of it, and cannot pass it off as one of ours", () => {
  const said = { amqpUrl: "amqp://mq", managementUrl: "http://mq", streamPort: 1, way: "debian" };
  const broker = parseExternal("3.10", JSON.stringify(said));
  assert.deepEqual([broker.streamPort, broker.username, broker.way], [1, "guest", "environment"]);
});

Deno.test("what cannot be read is refused without showing a password", () => {
  for (const value of ["amqp://me:secret@mq", '{"amqpUrl": "amqp://me:secret@mq"}', "{secret"]) {
    assert.throws(() => parseExternal("4.3", value), (error: Error) => {
      assert.match(error.message, /Cannot read RABBITMQ_BACKUP_TEST_4_3/);
      return !error.message.includes("secret");
    });
  }
});

Deno.test("a broker of somebody else's is not stopped, killed or suspended", async () => {
  const broker = new ExternalBroker(parseExternal("4.3", "amqp://mq,http://mq"));
  await broker.stop(); // leaves it as it is
  for (const break_ of [broker.kill(), broker.restart(), broker.suspend()]) {
    await assert.rejects(break_, { message: new RegExp(`${variableOf("4.3")}.*not started here`) });
  }
});
