import assert from "node:assert/strict";
import { FakeStreamServer, type Heard } from "../../../tests/helpers/fake_stream_server.ts";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { openStreamConnection } from "../../broker/stream/open.ts";
import { COMMAND } from "../../broker/stream/protocol.ts";
import { frameOf, putString } from "../../broker/stream/wire.ts";
import { readChunks } from "./read.ts";

const MESSAGES_A_CHUNK = 2;
const { signal } = new AbortController();

const chunk = (index: number) =>
  streamChunk({
    offset: index * MESSAGES_A_CHUNK,
    entries: [{ body: Uint8Array.of(1) }, { body: Uint8Array.of(2) }],
  });

/** A broker with more chunks than anyone asks for, sent as credit allows. */
function brokerOf(options: { atOnce?: number; onSubscribe?: (heard: Heard) => void } = {}) {
  const state = { sent: 0, credit: 0 };
  const send = ({ client }: Heard) => {
    for (; state.credit > 0; state.credit--) client.deliver(1, chunk(state.sent++));
  };
  const server = new FakeStreamServer({
    answer: (heard) => {
      if (heard.key === COMMAND.subscribe) {
        heard.client.respond(heard, 1);
        state.credit = options.atOnce ?? 32;
        send(heard);
        options.onSubscribe?.(heard);
        return true;
      }
      if (heard.key !== COMMAND.credit) return false;
      heard.body.octet();
      state.credit += heard.body.uint16();
      send(heard);
      return true;
    },
  });
  return { server, state };
}

async function read(
  server: FakeStreamServer,
  options: { last: bigint; room?: () => Promise<void> | undefined; signal?: AbortSignal },
): Promise<bigint[]> {
  await using connection = await openStreamConnection(server.endpoint(), {
    vhost: "v",
    name: "test",
    signal,
  });
  const offsets: bigint[] = [];
  await readChunks(connection, {
    stream: "s",
    from: 0n,
    room: () => undefined,
    signal,
    sink: { header: () => {}, end: ({ offset }) => offsets.push(offset) },
    ...options,
  });
  return offsets;
}

Deno.test("readChunks: gives credit as chunks come, and ends with the last that was asked for", async () => {
  const { server, state } = brokerOf();
  await using _ = server;
  const offsets = await read(server, { last: 401n });
  assert.deepEqual(offsets, Array.from({ length: 201 }, (_, index) => BigInt(index * 2)));
  assert.ok(state.sent < 201 + 64, `${state.sent} chunks were sent`);
});

Deno.test("readChunks: asks for nothing while there is no room", async () => {
  const { server, state } = brokerOf();
  await using _ = server;
  let free: (() => void) | undefined;
  const reading = read(server, {
    last: 99n,
    room: () => free === undefined ? new Promise((resolve) => free = resolve) : undefined,
  });
  while (free === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(state.sent, 32);
  (free as () => void)();
  assert.equal((await reading).length, 50);
});

Deno.test("readChunks: ends when what there is begins behind the last that was asked for", async () => {
  const { server } = brokerOf();
  await using _ = server;
  assert.deepEqual(await read(server, { last: -1n }), []);
});

Deno.test("readChunks: ends when the stream moves or is deleted, and when it is stopped", async () => {
  for (const [code, expected] of [[6, "broker_unreachable"], [2, "broker_missing"]] as const) {
    const { server } = brokerOf({
      atOnce: 0,
      onSubscribe: ({ client }) =>
        client.send(frameOf(COMMAND.metadataUpdate, (writer) => {
          writer.uint16(code);
          putString(writer, "s");
        })),
    });
    await using _ = server;
    await assert.rejects(read(server, { last: 9n }), { code: expected });
  }
  const { server } = brokerOf({ atOnce: 0 });
  await using _ = server;
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("enough")), 30);
  await assert.rejects(read(server, { last: 9n, signal: stop.signal }), { message: "enough" });
});
