/** Definitions and messages of each version, restored into each other one. */
import assert from "node:assert/strict";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaTake } from "./helpers/pika.ts";
import { createVhost, management, remove, testVhost } from "./helpers/queues.ts";

const COUNT = 60;

for (const source of brokers()) {
  Deno.test(`what RabbitMQ ${source.version} holds, restored into other versions`, async (context) => {
    await using vhost = await testVhost(source, "versions");
    await using job = await newJob(source);
    const sent = new Map(
      await Promise.all((["classic", "quorum"] as const).map(async (type, seed) => {
        const queue = await vhost.queue(type, { type });
        const messages = await pikaGenerate(source, queue, {
          count: COUNT,
          seed,
          priorities: [4],
        });
        return [type, messages] as const;
      })),
    );
    assertOk(await job.backup({ vhosts: [vhost.name] }));

    for (const target of brokers().filter(({ version }) => version !== source.version)) {
      await context.step(`into ${target.version}`, async () => {
        await using _vhost = endingVhost(target, vhost.name);
        const { amqpUrl: amqp_url, managementUrl: management_url } = target;
        assertOk(
          await job.restore({
            target: { amqp_url, management_url },
            restore: {
              restore_definitions: true,
              definitions_selection: { vhosts: [vhost.name] },
              definitions_allow_version_mismatch: true,
            },
          }),
        );
        const names = [...sent.keys()];
        const types = await management(target, `queues/${vhost.name}`) as {
          name: string;
          type: string;
        }[];
        for (const { name, type } of types) assert.equal(type, name);
        const there = await pikaTake(target, { vhost: vhost.name, names });
        for (const [name, messages] of sent) assertSameMessages(messages, there.get(name) ?? []);
      });
    }
  });
}

/** A vhost that something else makes, deleted at the end. */
function endingVhost(broker: Broker, name: string): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      await createVhost(broker, name);
      await remove(broker, `vhosts/${name}`);
    },
  };
}
