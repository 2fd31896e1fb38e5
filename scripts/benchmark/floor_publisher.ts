/**
 * The least a restore can do: publishes every message to a queue with a sliding window of
 * unconfirmed ones, bodies from a file, and waits for the last confirm.
 */
import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import { type PublisherTask, readTask, reportMoment } from "./floor_protocol.ts";
import { BODY_BYTES, propertiesOf } from "./messages.ts";

const BATCH_MESSAGES = 256;

const task = readTask<PublisherTask>();
const connection = await connect(task.amqpUrl);
const channel = await connection.createConfirmChannel();
using bodies = await Deno.open(task.bodies, { read: true });

let confirmed = 0;
let failure: unknown;
let wake = () => {};

function onConfirm(error: unknown): void {
  if (error) failure = error;
  confirmed++;
  wake();
}

async function waitUntil(ready: () => boolean): Promise<void> {
  while (!ready()) {
    await new Promise<void>((resolve) => wake = resolve);
    if (failure) throw failure;
  }
}

async function readBatch(count: number): Promise<Buffer> {
  const batch = Buffer.alloc(count * BODY_BYTES);
  for (let filled = 0; filled < batch.length;) {
    const read = await bodies.read(batch.subarray(filled));
    if (read === null) throw new Error("Cannot publish: the file of bodies is too short");
    filled += read;
  }
  return batch;
}

for (let sent = 0; sent < task.messages;) {
  const count = Math.min(BATCH_MESSAGES, task.messages - sent);
  const batch = await readBatch(count);
  for (let index = 0; index < count; index++, sent++) {
    if (sent - confirmed >= task.window) await waitUntil(() => sent - confirmed < task.window);
    const body = batch.subarray(index * BODY_BYTES, (index + 1) * BODY_BYTES);
    if (!channel.publish("", task.queue, body, propertiesOf(sent), onConfirm)) {
      await new Promise<void>((resolve) => channel.once("drain", resolve));
    }
  }
}
await waitUntil(() => confirmed === task.messages);
reportMoment("confirmed");
await connection.close();
