import assert from "node:assert/strict";
import { dockerRun } from "./docker_broker.ts";
import type { InstanceRecord } from "./instances.ts";

Deno.test("a container shows its ports on loopback only, and reads the test's configuration", () => {
  const ports = { amqp: 1, amqps: 2, management: 3, managementTls: 4, stream: 5, dist: 6, epmd: 7 };
  const instance: InstanceRecord = {
    id: "4_0-x",
    version: "4.0",
    way: "docker",
    ports,
    checkout: "/c",
    owner: null,
  };
  const command = dockerRun(instance, "/state");
  const after = (flag: string) => command.filter((_, index) => command[index - 1] === flag);
  assert.deepEqual(after("--publish"), [
    "127.0.0.1:1:5672",
    "127.0.0.1:2:5671",
    "127.0.0.1:3:15672",
    "127.0.0.1:4:15671",
    "127.0.0.1:5:5552",
  ]);
  assert.deepEqual(after("--volume"), [
    "/state/rabbitmq.conf:/etc/rabbitmq/conf.d/90-test.conf:ro",
    "/state/enabled_plugins:/etc/rabbitmq/enabled_plugins:ro",
    "/state/tls:/etc/rabbitmq/test-tls:ro",
  ]);
  assert.equal(command.at(-1), "rabbitmq:4.0-management");
});
