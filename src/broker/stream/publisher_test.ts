import assert from "node:assert/strict";
import { FakeStreamServer, type Heard } from "../../../tests/helpers/fake_stream_server.ts";
import { openStreamConnection } from "./open.ts";
import { COMMAND } from "./protocol.ts";
import { type OutgoingEntry, StreamPublisher } from "./publisher.ts";
import { frameOf } from "./wire.ts";

const { signal } = new AbortController();

const message = (id: bigint, more: Partial<OutgoingEntry> = {}): OutgoingEntry => {
  const body = more.body ?? Uint8Array.of(Number(id));
  return { id, records: 1, size: body.length, body, ...more };
};

/** A server that notes the frames of publishes, and answers as the test says. */
async function opened(options: {
  window?: number;
  version?: string;
  onPublish?: (heard: Heard, entries: number) => void;
  lastId?: bigint;
}) {
  const frames: Uint8Array[] = [];
  const server = new FakeStreamServer({
    ...(options.version === undefined ? {} : { version: options.version }),
    answer: (heard) => {
      if (heard.key === COMMAND.queryPublisherSequence) {
        heard.client.respond(heard, 1, (writer) => writer.uint64(options.lastId ?? 0n));
        return true;
      }
      if (heard.key !== COMMAND.publish) return false;
      const { body } = heard;
      frames.push(body.bytes.slice(2));
      body.octet();
      options.onPublish?.(heard, body.uint32());
      return true;
    },
  });
  const connection = await openStreamConnection(server.endpoint(), {
    vhost: "v",
    name: "test",
    signal,
  });
  const publisher = await StreamPublisher.open(connection, {
    stream: "s",
    reference: "r",
    window: options.window ?? 100,
    onConfirmed: () => {},
  });
  return {
    publisher,
    frames,
    async [Symbol.asyncDispose]() {
      publisher[Symbol.dispose]();
      await connection.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const confirm = ({ client }: Heard, ids: bigint[]) =>
  client.send(frameOf(COMMAND.publishConfirm, (writer) => {
    writer.octet(1);
    writer.uint32(ids.length);
    for (const id of ids) writer.uint64(id);
  }));

const hex = (bytes: Uint8Array) => bytes.toHex();

Deno.test("StreamPublisher: messages, filter values and batches as the protocol has them", async () => {
  await using it = await opened({
    lastId: 7n,
    onPublish: (heard, entries) => {
      const { body } = heard;
      const ids = Array.from({ length: entries }, () => {
        const id = body.uint64();
        body.skip(entries === 1 ? 0 : 2 + 4 + 1);
        return id;
      });
      confirm(heard, ids);
    },
  });
  assert.equal(it.publisher.lastId, 7n);
  await it.publisher.publish(message(8n), signal);
  await it.publisher.publish(message(9n), signal);
  await it.publisher.publish(
    message(10n, {
      records: 3,
      body: Uint8Array.of(1, 2),
      batch: { codec: 1, uncompressedSize: 300 },
    }),
    signal,
  );
  await it.publisher.publish(message(13n, { filter: "é" }), signal);
  await it.publisher.finish(signal);
  // Version, publisher, entries; id, no filter value or one, size and message; a batch has version 1.
  assert.deepEqual(it.frames.map(hex), [
    "0002" + "01" + "00000002" +
    "0000000000000008" + "ffff" + "00000001" + "08" +
    "0000000000000009" + "ffff" + "00000001" + "09",
    "0001" + "01" + "00000001" +
    "000000000000000a" + "90" + "0003" + "0000012c" + "00000002" + "0102",
    "0002" + "01" + "00000001" + "000000000000000d" + "0002c3a9" + "00000001" + "0d",
  ]);
  assert.equal(it.publisher.confirmed, 6);
});

Deno.test("StreamPublisher: no more wait for their confirm than the window holds", async () => {
  const heardOf: Heard[] = [];
  await using it = await opened({ window: 2, onPublish: (heard) => heardOf.push(heard) });
  await it.publisher.publish(message(1n), signal);
  await it.publisher.publish(message(2n), signal);
  let isTaken = false;
  const third = it.publisher.publish(message(3n), signal)!.then(() => isTaken = true);
  while (heardOf.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(isTaken, false);
  confirm(heardOf[0]!, [2n, 1n]);
  await third;
  const finished = it.publisher.finish(signal);
  while (heardOf.length === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  confirm(heardOf[1]!, [3n]);
  await finished;
  assert.equal(it.publisher.confirmed, 3);
});

Deno.test("StreamPublisher: an old broker gets no filter values", async () => {
  await using it = await opened({ version: "3.10.8", onPublish: (heard) => confirm(heard, [1n]) });
  await it.publisher.publish(message(1n, { filter: "x" }), signal);
  await it.publisher.finish(signal);
  assert.deepEqual(it.frames.map(hex), [
    "0001" + "01" + "00000001" + "0000000000000001" + "00000001" + "01",
  ]);
});

Deno.test("StreamPublisher: a refusal, a message that is too large, and a stop are errors", async () => {
  await using it = await opened({
    onPublish: ({ client }) =>
      client.send(frameOf(COMMAND.publishError, (writer) => {
        writer.octet(1);
        writer.uint32(1);
        writer.uint64(1n);
        writer.uint16(16);
      })),
  });
  const large = message(1n, { body: new Uint8Array(1 << 20) });
  assert.throws(() => it.publisher.publish(large, signal), {
    code: "refused",
    hint: /stream\.frame_max/,
  });
  await it.publisher.publish(message(1n), signal);
  await assert.rejects(it.publisher.finish(signal), {
    code: "broker_denied",
    message: 'Cannot publish to stream "s": the user has no permission',
  });

  await using silent = await opened({});
  await silent.publisher.publish(message(1n), signal);
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("enough")), 30);
  await assert.rejects(silent.publisher.finish(stop.signal), { message: "enough" });
});
