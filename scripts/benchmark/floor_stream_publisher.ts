/**
 * The least a restore of a stream can do: publishes every message, its body from a file, with a sliding
 * window of unconfirmed ones, and waits for the last confirm.
 */
import { COMMAND, RESPONSE_BIT } from "../../src/broker/stream/protocol.ts";
import { putString } from "../../src/broker/stream/wire.ts";
import {
  openTaskStream,
  readTask,
  reportMoment,
  type StreamPublisherTask,
} from "./floor_protocol.ts";
import { BODY_BYTES } from "./messages.ts";

const PUBLISHER = 1;
/** As many as fit into 64 KiB. */
const FRAME_MESSAGES = 60;
const FRAME_HEAD_BYTES = 13;
/** Publishing id, size; then AMQP 1.0: a section of data, binary with a size of 32 bits. */
const ENTRY_HEAD_BYTES = 8 + 4;
const SECTION = [0x00, 0x53, 0x75, 0xb0];
const MESSAGE_BYTES = SECTION.length + 4 + BODY_BYTES;
const READ_FRAMES = 16;

const task = readTask<StreamPublisherTask>();
const connection = await openTaskStream(task);
using bodies = await Deno.open(task.bodies, { read: true });

let confirmed = 0;
let failure: unknown;
let wake = () => {};
using _lost = connection.onLost((error) => {
  failure = error;
  wake();
});
connection.setPublisher(PUBLISHER, {
  confirmed: (ids) => {
    confirmed += ids.length;
    wake();
  },
  refused: (_, code) => {
    failure = new Error(`Cannot publish: response code ${code & ~RESPONSE_BIT}`);
    wake();
  },
});
await connection.request(COMMAND.declarePublisher, "publish", (writer) => {
  writer.octet(PUBLISHER);
  putString(writer, "");
  putString(writer, task.stream);
});

async function waitUntil(ready: () => boolean): Promise<void> {
  while (!ready()) {
    await new Promise<void>((resolve) => wake = resolve);
    if (failure) throw failure;
  }
}

async function readBodies(count: number): Promise<Uint8Array> {
  const batch = new Uint8Array(count * BODY_BYTES);
  for (let filled = 0; filled < batch.length;) {
    const read = await bodies.read(batch.subarray(filled));
    if (read === null) throw new Error("Cannot publish: the file of bodies is too short");
    filled += read;
  }
  return batch;
}

/** A frame that publishes messages of these bodies, whose ids begin with `first`. */
function publishFrame(content: Uint8Array, first: number): Uint8Array {
  const count = content.length / BODY_BYTES;
  const frame = new Uint8Array(FRAME_HEAD_BYTES + count * (ENTRY_HEAD_BYTES + MESSAGE_BYTES));
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4);
  view.setUint16(4, COMMAND.publish);
  view.setUint16(6, 1);
  frame[8] = PUBLISHER;
  view.setUint32(9, count);
  let at = FRAME_HEAD_BYTES;
  for (let index = 0; index < count; index++) {
    view.setBigUint64(at, BigInt(first + index));
    view.setUint32(at + 8, MESSAGE_BYTES);
    frame.set(SECTION, at + ENTRY_HEAD_BYTES);
    view.setUint32(at + ENTRY_HEAD_BYTES + SECTION.length, BODY_BYTES);
    at += ENTRY_HEAD_BYTES + MESSAGE_BYTES;
    frame.set(content.subarray(index * BODY_BYTES, (index + 1) * BODY_BYTES), at - BODY_BYTES);
  }
  return frame;
}

for (let sent = 0; sent < task.messages;) {
  const batch = await readBodies(Math.min(FRAME_MESSAGES * READ_FRAMES, task.messages - sent));
  for (let at = 0; at < batch.length; at += FRAME_MESSAGES * BODY_BYTES) {
    const content = batch.subarray(at, at + FRAME_MESSAGES * BODY_BYTES);
    const count = content.length / BODY_BYTES;
    if (sent + count - confirmed > task.window) {
      await waitUntil(() => sent + count - confirmed <= task.window);
    }
    await connection.write(publishFrame(content, sent + 1));
    sent += count;
  }
}
await waitUntil(() => confirmed === task.messages);
reportMoment("confirmed");
await connection.close();
