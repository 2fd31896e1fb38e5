/** Backups that the earlier tool wrote, and what a Python client read from the same queues. */
import assert from "node:assert/strict";
import { decompress } from "../../src/archive/compression.ts";
import { type Compression, segmentKeyV1 } from "../../src/archive/layout.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
import { encodeManifest, parseManifest } from "../../src/archive/manifest_io.ts";
import { encodeRecord, readMessages } from "../../src/archive/record.ts";
import { expectedOf, openSegment, packSegment } from "../../src/archive/segment.ts";
import type { FieldTable, FieldValue } from "../../src/message/field_table.ts";
import type { Message } from "../../src/message/message.ts";
import { decodeProperties } from "../../src/message/properties.ts";

const FIXTURES = new URL("../fixtures/rbak-v1/", import.meta.url);
const CODECS: Compression[] = ["zstd", "lz4", "none"];

const read = (path: string) => Deno.readFile(new URL(path, FIXTURES));
const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

async function loadManifest(id: string): Promise<Manifest> {
  return parseManifest(await read(`${id}/manifest.json`), { key: `${id}/manifest.json` });
}

async function* file(path: string) {
  yield* (await Deno.open(new URL(path, FIXTURES))).readable;
}

for (const codec of CODECS) {
  const id = `v1-${codec}`;

  Deno.test(`fixtures: ${id} reads as the Python client read the queues`, async () => {
    const expected = JSON.parse(text(await read(`${id}.expected.json`)));
    const manifest = await loadManifest(id);
    assert.ok(manifest.queues.length > 0);
    for (const queue of manifest.queues) {
      const messages: unknown[] = [];
      for (const segment of queue.segments) {
        for await (const message of readMessages(open(segment).records())) {
          messages.push(asPikaSaw(message));
        }
      }
      assert.deepEqual(messages, expected[queue.name]);
      assert.equal(messages.length, queue.message_count);
    }
  });

  Deno.test(`fixtures: ${id} written again has the same records, manifest and keys`, async () => {
    const bytes = await read(`${id}/manifest.json`);
    const manifest = await loadManifest(id);
    assert.equal(text(encodeManifest(manifest)), text(bytes));
    for (const { vhost, name, segments } of manifest.queues) {
      let firstDeliveryTag = 1;
      for (const segment of segments) {
        const { key, record_count: recordCount } = segment;
        assert.equal(segmentKeyV1(id, vhost, name, segment.sequence, codec), key);
        const packing = packSegment(open(segment).records(), {
          recordCount,
          firstTimestamp: segment.first_timestamp,
          lastTimestamp: segment.last_timestamp,
          compression: codec,
          v1: { vhost, queue: name, firstDeliveryTag },
        });
        const written = new Uint8Array(Buffer.concat(await Array.fromAsync(packing)));
        const original = await read(key);
        if (codec === "none") assert.deepEqual(written, original);
        assert.deepEqual(written.subarray(0, 32), original.subarray(0, 32));
        assert.equal(await payload(written, codec), await payload(original, codec));
        firstDeliveryTag += recordCount;
      }
    }
  });

  Deno.test(`fixtures: the definitions of ${id} are readable`, async () => {
    const { definitions } = await loadManifest(id);
    const form = { compression: codec, formatVersion: 1 } as const;
    const whole = await Array.fromAsync(decompress(file(definitions!.key), form));
    const json = JSON.parse(text(new Uint8Array(Buffer.concat(whole))));
    assert.equal(json.vhosts.length, definitions!.vhost_count);
    assert.equal(json.queues.length, definitions!.queue_count);
  });
}

Deno.test("fixtures: version 1 to version 2 and back loses nothing", async () => {
  const { queues: [queue] } = await loadManifest("v1-none");
  const segment = queue!.segments[0]!;
  const messages = await Array.fromAsync(readMessages(open(segment).records()));
  const about = {
    recordCount: messages.length,
    firstTimestamp: segment.first_timestamp,
    lastTimestamp: segment.last_timestamp,
  };
  const second = packSegment(messages.map(encodeRecord), { ...about, compression: "zstd" });
  const records = openSegment(second, { name: "second" }).records();
  const v1 = { vhost: queue!.vhost, queue: queue!.name, firstDeliveryTag: 1 };
  const third = await Array.fromAsync(packSegment(records, { ...about, compression: "none", v1 }));
  assert.deepEqual(new Uint8Array(Buffer.concat(third)), await read(segment.key));
});

function open(segment: Manifest["queues"][number]["segments"][number]) {
  return openSegment(file(segment.key), {
    name: segment.key,
    expected: expectedOf(segment),
  });
}

async function payload(stored: Uint8Array, compression: Compression): Promise<string> {
  const source = (async function* () {
    yield stored.subarray(32, -8);
  })();
  const parts = await Array.fromAsync(decompress(source, { compression, formatVersion: 1 }));
  return Buffer.concat(parts).toString("latin1");
}

/** A message in the form of the fixtures' `*.expected.json`. */
function asPikaSaw({ head, body }: Message): unknown {
  const decoded = decodeProperties(head.properties);
  const strings = {
    content_type: decoded.contentType,
    content_encoding: decoded.contentEncoding,
    correlation_id: decoded.correlationId,
    reply_to: decoded.replyTo,
    expiration: decoded.expiration,
    message_id: decoded.messageId,
    type: decoded.type,
    user_id: decoded.userId,
    app_id: decoded.appId,
    cluster_id: decoded.clusterId,
  };
  const properties: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(strings)) {
    if (value !== undefined) properties[name] = text(value);
  }
  if (decoded.deliveryMode !== undefined) properties["delivery_mode"] = decoded.deliveryMode;
  if (decoded.priority !== undefined) properties["priority"] = decoded.priority;
  if (decoded.timestamp !== undefined) properties["timestamp"] = Number(decoded.timestamp);
  return {
    body: base64(body),
    exchange: text(head.exchange),
    routing_key: text(head.routingKey),
    properties,
    headers: tableAsPikaSaw(decoded.headers ?? []),
  };
}

function tableAsPikaSaw(table: FieldTable): Record<string, unknown> {
  return Object.fromEntries(table.map(([name, value]) => [text(name), valueAsPikaSaw(value)]));
}

function valueAsPikaSaw(field: FieldValue): unknown {
  switch (field.tag) {
    case "S":
      return { str: text(field.value) };
    case "x":
      return { bytes: base64(field.value) };
    case "t":
      return { bool: field.value };
    case "T":
      return { timestamp: Number(field.value) };
    case "D":
      return { decimal: (field.value / 10 ** field.scale).toFixed(field.scale) };
    case "V":
      return { void: true };
    case "A":
      return { array: field.value.map(valueAsPikaSaw) };
    case "F":
      return { table: tableAsPikaSaw(field.value) };
    case "f":
    case "d":
      return { float: field.bits };
    default:
      return { int: String(field.value) };
  }
}
