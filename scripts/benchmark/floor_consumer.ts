/**
 * The least a backup can do: takes every message of a queue, throws it away, acknowledges none, and
 * gives all back. A chain of consumers where one cannot hold the whole queue.
 */
import { connect } from "amqplib";
import { type ConsumerTask, readTask, reportMoment } from "./floor_protocol.ts";

const task = readTask<ConsumerTask>();
const connection = await connect(task.amqpUrl);
const channel = await connection.createChannel();
const tags: string[] = [];
const { promise: allDelivered, resolve, reject } = Promise.withResolvers<void>();

let received = 0;

async function openWindow(): Promise<void> {
  await channel.prefetch(task.window);
  const { consumerTag } = await channel.consume(task.queue, (message) => {
    if (message === null) return reject(new Error("Cannot consume: the broker cancelled it"));
    received++;
    if (received === task.messages) resolve();
    else if (task.window > 0 && received % task.window === 0) openWindow().catch(reject);
  });
  tags.push(consumerTag);
}

await openWindow();
await allDelivered;
reportMoment("delivered");
for (const tag of tags) await channel.cancel(tag);
await channel.close();
// The broker answers before it has put all of them back.
const second = await connection.createChannel();
while ((await second.checkQueue(task.queue)).messageCount < task.messages) {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
reportMoment("returned");
await connection.close();
