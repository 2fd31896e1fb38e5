import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { FakeStreamServer, type Heard } from "../../../tests/helpers/fake_stream_server.ts";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { AppError } from "../../errors.ts";
import { ChunkParser, nextOffset } from "../../message/stream_chunk.ts";
import { streamBounds, streamMembers } from "./commands.ts";
import { StreamConnector } from "./connector.ts";
import { openStreamConnection } from "./open.ts";
import { COMMAND, RESPONSE_BIT } from "./protocol.ts";
import { subscribe } from "./subscription.ts";
import { frameOf, putString } from "./wire.ts";

const { signal } = new AbortController();
const login = { vhost: "v", name: "test", signal };

const chunk = (offset: number, bodies: number) =>
  streamChunk({
    offset,
    entries: Array.from({ length: bodies }, (_, index) => ({ body: Uint8Array.of(index) })),
  });

Deno.test("openStreamConnection: says who it is, and learns what the node is", async () => {
  await using server = new FakeStreamServer();
  await using connection = await openStreamConnection(server.endpoint(), login);
  assert.equal(server.peers[0]!.get("connection_name"), "test");
  assert.equal(connection.frameMax, 1 << 20);
  assert.equal(connection.publishVersion, 2);
  assert.equal(connection.properties.get("advertised_host"), "127.0.0.1");
});

Deno.test("openStreamConnection: 3.10 is not asked for what it does not know", async () => {
  await using server = new FakeStreamServer({ version: "3.10.8" });
  await using connection = await openStreamConnection(server.endpoint(), login);
  assert.equal(connection.publishVersion, 1);
  assert.ok(!server.heard.includes(COMMAND.exchangeCommandVersions));
});

const refusals: [number, string, RegExp][] = [
  [8, "broker_denied", /^Cannot log in to 127\.0\.0\.1:\d+ for streams: user "guest" was refused$/],
  [11, "broker_denied", /was refused$/],
  [15, "failed", /the broker had an internal error/],
];
for (const [loginCode, code, message] of refusals) {
  Deno.test(`openStreamConnection: a login that is answered with ${loginCode}`, async () => {
    await using server = new FakeStreamServer({ loginCode });
    await assert.rejects(openStreamConnection(server.endpoint(), login), { code, message });
  });
}

Deno.test("openStreamConnection: nothing listens, or something else does", async () => {
  const closed = new FakeStreamServer();
  const endpoint = closed.endpoint();
  await closed[Symbol.asyncDispose]();
  await assert.rejects(openStreamConnection(endpoint, login), {
    code: "broker_unreachable",
    message: /nothing listens there/,
    hint: /rabbitmq-plugins enable rabbitmq_stream.*stream_port/,
  });
  await using http = new FakeStreamServer({
    answer: ({ client }) => {
      client.send(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
      return true;
    },
  });
  await assert.rejects(openStreamConnection(http.endpoint(), login), {
    code: "broker_unreachable",
    hint: /port of the stream protocol/,
  });
});

Deno.test("openStreamConnection: an abort ends it at once", async () => {
  await using server = new FakeStreamServer({ answer: () => true });
  const stop = new AbortController();
  const opening = openStreamConnection(server.endpoint(), { ...login, signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 50);
  await assert.rejects(opening, { message: "enough" });
});

Deno.test("StreamConnection: a close by the broker fails what waits, with its reason", async () => {
  await using server = new FakeStreamServer({
    answer: ({ key, client }) => {
      if (key !== COMMAND.metadata) return false;
      client.send(frameOf(COMMAND.close, (writer) => {
        writer.uint32(1);
        writer.uint16(15);
        putString(writer, "going down");
      }));
      return true;
    },
  });
  const connection = await openStreamConnection(server.endpoint(), login);
  const lost: AppError[] = [];
  using _ = connection.onLost((error) => lost.push(error));
  await assert.rejects(streamMembers(connection, "s"), {
    code: "broker_unreachable",
    message: /the broker closed it: going down/,
  });
  assert.equal(lost.length, 1);
  assert.equal(connection.isOpen, false);
  assert.throws(() => connection.write(Uint8Array.of(1)), { code: "broker_unreachable" });
});

Deno.test("streamMembers: no such stream; an answer that cannot be read", async () => {
  await using server = new FakeStreamServer();
  await using connection = await openStreamConnection(server.endpoint(), login);
  await assert.rejects(streamMembers(connection, "missing"), { code: "broker_missing" });
  const members = await streamMembers(connection, "s");
  assert.deepEqual(members, { leader: { host: "127.0.0.1", port: server.port }, replicas: [] });
});

Deno.test("streamMembers: whatever the broker answers, it is members or an error that says so", async () => {
  let answer: Uint8Array = new Uint8Array(0);
  await using server = new FakeStreamServer({
    answer: ({ key, correlation, client }) => {
      if (key !== COMMAND.metadata) return false;
      client.send(frameOf(COMMAND.metadata | RESPONSE_BIT, (writer) => {
        writer.uint32(correlation);
        writer.raw(answer);
      }));
      return true;
    },
  });
  await using connection = await openStreamConnection(server.endpoint(), login);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
      answer = bytes;
      try {
        await streamMembers(connection, "s");
      } catch (error) {
        assert.ok(error instanceof AppError, String(error));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("StreamConnection: whatever frames come, it goes on or is lost with an error that says so", async () => {
  let frames: Uint8Array[] = [];
  await using server = new FakeStreamServer({
    answer: ({ key, client }) => {
      if (key !== COMMAND.metadata) return false;
      for (const frame of frames) client.send(frame);
      return true;
    },
  });
  const keys = Object.values(COMMAND).flatMap((key) => [key, key | RESPONSE_BIT]);
  const chunk = streamChunk({ offset: 5, entries: [{ body: Uint8Array.of(1, 2) }] });
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    // A delivery that is one but for a byte.
    fc.tuple(fc.nat(chunk.length), fc.nat(255)).map(([at, value]) =>
      concat(Uint8Array.of(1), chunk).map((octet, index) => index === at ? value : octet)
    ),
  );
  const arbitrary = fc.array(
    fc.tuple(fc.constantFrom(...keys), content, fc.integer({ min: 0, max: 2 })),
  );
  await fc.assert(
    fc.asyncProperty(arbitrary, async (specs) => {
      frames = specs.map(([key, bytes, version]) =>
        frameOf(key, (writer) => writer.raw(bytes), version)
      );
      // The end, so that there is one.
      frames.push(frameOf(COMMAND.close, (writer) => {
        writer.uint32(1);
        writer.uint16(1);
        putString(writer, "the end");
      }));
      await using connection = await openStreamConnection(server.endpoint(), login);
      connection.setPublisher(1, { confirmed: () => {}, refused: () => {} });
      const parser = new ChunkParser({ header: () => {}, end: () => {} });
      connection.setSubscription(1, {
        delivery: (size) => parser.begin(size),
        chunkBytes: (piece) => parser.push(piece),
        deliveryEnd: () => parser.end(),
      });
      const { promise, resolve } = Promise.withResolvers<AppError>();
      using _ = connection.onLost(resolve);
      streamMembers(connection, "s").catch(() => {});
      const lost = await promise;
      assert.ok(["broker_unreachable", "damaged"].includes(lost.code), String(lost));
    }),
    { numRuns: 100 },
  );
});

/** Answers a subscription, and sends chunks right behind the answer. */
function sendAtOnce({ key, body, ...heard }: Heard, chunks: readonly Uint8Array[]): boolean {
  if (key !== COMMAND.subscribe) return false;
  const id = body.octet();
  heard.client.respond({ key, body, ...heard }, 1);
  for (const bytes of chunks) heard.client.deliver(id, bytes);
  return true;
}

Deno.test("streamBounds: an empty stream has none, and nothing is waited for", async () => {
  let chunks: Uint8Array[] = [];
  await using server = new FakeStreamServer({ answer: (heard) => sendAtOnce(heard, chunks) });
  await using connection = await openStreamConnection(server.endpoint(), login);
  assert.equal(await streamBounds(connection, "s"), undefined);
  chunks = [chunk(40, 5), chunk(45, 2)];
  assert.deepEqual(await streamBounds(connection, "s"), { first: 40n, last: 44n });
});

Deno.test("subscribe: a chunk that came damaged ends the connection", async () => {
  const damaged = chunk(0, 3);
  damaged[damaged.length - 1]! ^= 1;
  await using server = new FakeStreamServer({
    answer: (heard) => sendAtOnce(heard, [chunk(0, 2), damaged]),
  });
  const connection = await openStreamConnection(server.endpoint(), login);
  const lost = Promise.withResolvers<AppError>();
  using _ = connection.onLost(lost.resolve);
  const ended: bigint[] = [];
  await subscribe(connection, {
    stream: "s",
    id: 1,
    from: "first",
    credit: 2,
    sink: { header: () => {}, end: (header) => ended.push(nextOffset(header)) },
  });
  assert.equal((await lost.promise).code, "damaged");
  assert.deepEqual(ended, [2n]);
});

Deno.test("StreamConnector: goes to the leader, and stays where its name leads nowhere", async () => {
  const told: string[] = [];
  const connectorOf = (server: FakeStreamServer, useAdvertised = true) =>
    new StreamConnector(server.endpoint({ stream_advertised_hosts: useAdvertised }), {
      name: "test",
      signal,
      onFallback: ({ message }) => told.push(message),
    });
  await using leader = new FakeStreamServer();
  await using other = new FakeStreamServer({ leader: { host: "127.0.0.1", port: leader.port } });
  {
    await using connection = await connectorOf(other).openFor("v", "s");
    assert.equal(connection.address, `127.0.0.1:${leader.port}`);
  }
  // Behind an address that nobody knows there is the very node that was asked.
  const inside = { host: "inside.invalid", port: 5552 };
  await using hidden = new FakeStreamServer({ advertised: inside });
  {
    await using connection = await connectorOf(hidden).openFor("v", "s");
    assert.equal(connection.address, `127.0.0.1:${hidden.port}`);
  }
  assert.deepEqual(told, []);
  // The node that was asked does not have it, and the one that has cannot be found.
  await using without = new FakeStreamServer({ leader: inside });
  await assert.rejects(connectorOf(without).openFor("v", "s"), {
    code: "broker_unreachable",
    message: /^Cannot reach a node that has stream "s" of vhost "v": .*inside\.invalid:5552/,
    hint: /stream\.advertised_host/,
  });
  assert.equal(told.length, 1);
  await assert.rejects(connectorOf(without, false).openFor("v", "s"), {
    message: /^Cannot reach a node that has stream "s" of vhost "v"$/,
  });
  assert.equal(told.length, 1);
});
