import { createHash } from "node:crypto";
import { compress } from "../../src/archive/compression.ts";
import { RecordFingerprint } from "../../src/archive/fingerprint.ts";
import {
  type Compression,
  definitionsKey,
  manifestKey,
  segmentKey,
  segmentKeyV1,
} from "../../src/archive/layout.ts";
import type { Manifest, QueueEntry, SegmentEntry } from "../../src/archive/manifest.ts";
import { encodeManifest } from "../../src/archive/manifest_io.ts";
import { encodeRecord } from "../../src/archive/record.ts";
import { packSegment } from "../../src/archive/segment.ts";
import { floatField } from "../../src/message/field_table.ts";
import type { Message } from "../../src/message/message.ts";
import { encodeProperties } from "../../src/message/properties.ts";
import type { Storage } from "../../src/storage/storage.ts";

/** A queue to be written: its messages, in segments. */
export interface TestQueue {
  vhost: string;
  name: string;
  segments: Message[][];
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** `count` messages that use every property and header type. */
export function variedMessages(count: number): Message[] {
  return Array.from({ length: count }, (_, index) => {
    const body = new Uint8Array(index % 7 * 400).map((_, at) => at * index);
    const properties = index % 5 === 4 ? new Uint8Array(2) : encodeProperties({
      contentType: bytes("application/json"),
      contentEncoding: bytes("identity"),
      headers: [
        [bytes("bool"), { tag: "t", value: index % 2 === 0 }],
        [bytes("int8"), { tag: "b", value: -index }],
        [bytes("uint8"), { tag: "B", value: 200 }],
        [bytes("int16"), { tag: "s", value: -300 }],
        [bytes("uint16"), { tag: "u", value: 65000 }],
        [bytes("int32"), { tag: "I", value: -70000 }],
        [bytes("uint32"), { tag: "i", value: 4e9 }],
        [bytes("int64"), { tag: "l", value: 9007199254740993n }],
        [bytes("float"), floatField("f", 1.5)],
        [bytes("double"), floatField("d", -0.1)],
        [bytes("decimal"), { tag: "D", scale: 2, value: 1234 }],
        [bytes("text"), { tag: "S", value: bytes("héllo") }],
        [bytes("bytes"), { tag: "x", value: new Uint8Array([0, 255]) }],
        [bytes("time"), { tag: "T", value: 1_767_268_853n }],
        [bytes("void"), { tag: "V" }],
        [bytes("list"), { tag: "A", value: [{ tag: "V" }, { tag: "I", value: index }] }],
        [bytes("table"), { tag: "F", value: [[bytes("é"), { tag: "S", value: bytes("v") }]] }],
      ],
      deliveryMode: 2,
      priority: index % 10,
      correlationId: bytes(`c-${index}`),
      messageId: bytes(`m-${index}`),
      timestamp: BigInt(1_700_000_000 + index),
      type: bytes("order"),
      appId: bytes("test"),
    });
    const head = {
      capturedAt: 1_795_226_158_000 + index,
      redelivered: index % 3 === 0,
      exchange: bytes(index % 2 === 0 ? "" : "ex.é"),
      routingKey: bytes(`key-${index % 4}`),
      properties,
      bodySize: body.length,
    };
    return { head, body };
  });
}

/** Stores a complete backup of these queues; `change` edits the manifest before it is written. */
export async function buildBackup(
  storage: Storage,
  options: {
    backupId: string;
    queues: TestQueue[];
    compression?: Compression;
    formatVersion?: 1 | 2;
    change?: (manifest: Manifest) => void;
  },
): Promise<Manifest> {
  const { backupId, compression = "zstd", formatVersion = 2 } = options;
  const queues: QueueEntry[] = [];
  for (const queue of options.queues) {
    queues.push(await storeQueue(storage, queue, { backupId, compression, formatVersion }));
  }
  const segments = queues.flatMap((queue) => queue.segments);
  const manifest: Manifest = {
    format_version: formatVersion,
    backup_id: backupId,
    state: "complete",
    created_at: 1_795_226_158_000,
    completed_at: 1_795_226_159_000,
    source_cluster: "rabbit@test",
    rabbitmq_version: "4.0.5",
    backup_tool_version: "0.1.0",
    compression,
    definitions: await storeDefinitions(storage, { backupId, compression, formatVersion }),
    queues,
    skipped: [],
    warnings: [],
    total_messages: sum(queues.map((queue) => queue.message_count)),
    total_body_bytes: sum(queues.map((queue) => queue.body_bytes)),
    total_bytes: sum(segments.map((segment) => segment.size_bytes)),
    total_segments: segments.length,
  };
  options.change?.(manifest);
  await storage.put(manifestKey(backupId), once(encodeManifest(manifest)));
  return manifest;
}

interface Form {
  backupId: string;
  compression: Compression;
  formatVersion: 1 | 2;
}

async function storeQueue(storage: Storage, queue: TestQueue, form: Form): Promise<QueueEntry> {
  const { vhost, name } = queue;
  const messages = queue.segments.flat();
  const fingerprint = new RecordFingerprint();
  for (const { head, body } of messages) {
    fingerprint.head(head);
    if (body.length > 0) fingerprint.body(body);
    fingerprint.end();
  }
  const segments: SegmentEntry[] = [];
  let firstDeliveryTag = 1;
  for (const content of queue.segments) {
    segments.push(
      await storeSegment(storage, content, {
        ...form,
        vhost,
        queue: name,
        firstDeliveryTag,
        sequence: segments.length + 1,
      }),
    );
    firstDeliveryTag += content.length;
  }
  return {
    vhost,
    name,
    queue_type: "classic",
    durable: true,
    auto_delete: false,
    arguments: {},
    segments,
    message_count: messages.length,
    body_bytes: sum(messages.map(({ body }) => body.length)),
    largest_body: Math.max(0, ...messages.map(({ body }) => body.length)),
    first_message_timestamp: messages[0]?.head.capturedAt ?? null,
    last_message_timestamp: messages.at(-1)?.head.capturedAt ?? null,
    capture: {
      depth_before: messages.length,
      depth_after: messages.length,
      return_method: "channel_close",
      delivery_attempts: 1,
      hold_ms: 10,
      highest_delivery_count: null,
      fingerprint: fingerprint.digest(),
    },
  };
}

async function storeSegment(
  storage: Storage,
  messages: Message[],
  options: Form & { vhost: string; queue: string; firstDeliveryTag: number; sequence: number },
): Promise<SegmentEntry> {
  const { backupId, vhost, queue, sequence, compression, formatVersion } = options;
  const times = {
    firstTimestamp: messages[0]!.head.capturedAt,
    lastTimestamp: messages.at(-1)!.head.capturedAt,
  };
  const packing = packSegment(messages.map(encodeRecord), {
    ...times,
    recordCount: messages.length,
    compression,
    ...(formatVersion === 1 ? { v1: options } : {}),
  });
  const keyOf = formatVersion === 1 ? segmentKeyV1 : segmentKey;
  const key = keyOf(backupId, vhost, queue, sequence, compression);
  let step = await packing.next();
  async function* stored() {
    for (; !step.done; step = await packing.next()) yield step.value;
  }
  await storage.put(key, stored());
  if (!step.done) throw new Error("The store did not read the segment to its end");
  return {
    key,
    sequence,
    record_count: messages.length,
    size_bytes: step.value.sizeBytes,
    uncompressed_bytes: step.value.uncompressedBytes,
    first_timestamp: times.firstTimestamp,
    last_timestamp: times.lastTimestamp,
    checksum: step.value.checksum,
  };
}

async function storeDefinitions(storage: Storage, form: Form): Promise<Manifest["definitions"]> {
  const json = bytes('{"queues":[],"vhosts":[{"name":"/"}]}');
  const packed = new Uint8Array(Buffer.concat(await Array.fromAsync(compress([json], form))));
  const key = definitionsKey(form.backupId, form.compression);
  await storage.put(key, once(packed));
  return {
    key,
    vhost_count: 1,
    queue_count: 0,
    exchange_count: 0,
    user_count: 0,
    size_bytes: form.formatVersion === 1 ? json.length : packed.length,
    checksum: createHash("sha256").update(packed).digest("hex"),
  };
}

/** A whole object as a stream. */
export async function* once(whole: Uint8Array): AsyncGenerator<Uint8Array> {
  yield whole;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
