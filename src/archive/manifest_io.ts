import { z } from "zod";
import { AppError } from "../errors.ts";
import { checkKey, type Compression, compressionOfKey, definitionsKey } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { headOfQueues } from "./manifest_head.ts";

/** Most bytes of a manifest that is read: some hundred thousand queues. */
export const MAX_MANIFEST_BYTES = 512 * 1024 * 1024;

const count = z.int().nonnegative();
const time = z.int();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "no SHA-256 in hex");
const queueType = z.string().max(64);

const segment = z.object({
  key: z.string().max(4096),
  sequence: z.int().positive(),
  record_count: count,
  size_bytes: count,
  uncompressed_bytes: count,
  first_timestamp: time,
  last_timestamp: time,
  checksum: sha256,
});

const offset = z.int().nonnegative();

const segmentV2 = segment.extend({
  stream: z.object({ message_count: count, first_offset: offset, last_offset: offset }).optional(),
});

const queueV1 = z.object({
  vhost: z.string(),
  name: z.string(),
  queue_type: queueType,
  segments: z.array(segment),
  message_count: count,
  first_message_timestamp: time.nullable(),
  last_message_timestamp: time.nullable(),
});

const capture = z.object({
  depth_before: count,
  depth_after: count.nullable(),
  first_after: z.enum(["same", "different"]).optional(),
  return_method: z.enum(["recover", "channel_close", "nack", "reject", "get", "none"]),
  delivery_attempts: count,
  hold_ms: z.number().nonnegative(),
  in_flight: count.optional(),
  traffic: z.object({ published: count, consumed: count }).optional(),
  highest_delivery_count: count.nullable(),
  fingerprint: sha256,
});

const gaps = z.array(z.object({ first: offset, last: offset }));

const stream = z.object({
  first_offset: offset,
  last_offset: offset,
  gaps,
  filtered_messages: count,
  last_chunk: z.object({
    first_offset: offset,
    timestamp: time,
    epoch: count,
    crc: count,
  }).optional(),
  consumers: z.array(z.object({ name: z.string().max(255), offset })).optional(),
  base: z.object({
    backup_id: z.string(),
    manifest_checksum: sha256,
    last_offset: offset,
  }).optional(),
});

const amqpStream = z.object({
  first_offset: offset,
  last_offset: offset,
  gaps,
  losses: z.array(z.string()),
});

const queue = queueV1.extend({
  segments: z.array(segmentV2),
  durable: z.boolean(),
  auto_delete: z.boolean(),
  arguments: z.record(z.string(), z.unknown()),
  body_bytes: count,
  largest_body: count,
  capture: capture.nullable(),
  stream: stream.optional(),
  amqp_stream: amqpStream.optional(),
  partial: z.string().optional(),
});

const skipped = z.object({
  vhost: z.string(),
  name: z.string(),
  queue_type: queueType,
  kind: z.enum(["refused", "failed", "excluded"]),
  reason: z.string(),
  hint: z.string().optional(),
});

const definitionsV1 = z.object({
  key: z.string().max(4096),
  vhost_count: count,
  queue_count: count,
  exchange_count: count,
  user_count: count,
  size_bytes: count,
});

const manifestV1 = z.object({
  backup_id: z.string(),
  created_at: time,
  completed_at: time.nullable(),
  source_cluster: z.string().nullable(),
  rabbitmq_version: z.string().nullable(),
  backup_tool_version: z.string(),
  definitions: definitionsV1.nullable(),
  queues: z.array(queueV1),
  total_messages: count,
  total_bytes: count,
  total_segments: count,
});

const manifestV2 = z.object({
  format_version: z.literal(2),
  ...manifestV1.shape,
  state: z.enum(["complete", "partial"]),
  compression: z.enum(["zstd", "lz4", "none"]),
  definitions: definitionsV1.extend({ checksum: sha256 }).nullable(),
  queues: z.array(queue),
  skipped: z.array(skipped),
  warnings: z.array(z.string()),
  total_body_bytes: count,
});

/** Versions of the format that are read and written. */
export const FORMAT_VERSIONS = [1, 2] as const;

/** Options of {@linkcode parseManifest}. */
export interface ParseManifestOptions {
  /** Key that the bytes were read from: `{backup id}/manifest.json`. */
  key: string;
  /** `false` leaves keys unchecked, for a report about them; nothing may be read by them then. */
  checkKeys?: boolean;
}

/**
 * Reads a manifest of either version. Version 1 does not know all fields: sizes of bodies are then
 * 0, `capture` is null, the checksum of the definitions is "", and queues count as durable.
 *
 * @throws {AppError} `damaged`, naming the field that is wrong, or the version that is too new.
 */
export function parseManifest(bytes: Uint8Array, options: ParseManifestOptions): Manifest {
  const where = JSON.stringify(options.key);
  const json = parseJson(bytes, where);
  const version = json["format_version"] ?? 1;
  if (typeof version === "number" && version > 2) {
    throw new AppError(
      "damaged",
      `Cannot read manifest ${where}: it has format version ${version}; this tool knows 1 and 2`,
      { hint: "Use the version of rabbitmq-backup that wrote it, or a newer one" },
    );
  }
  const manifest = version === 1
    ? fromV1(checked(manifestV1, json, where))
    : checked(manifestV2, json, where) as Manifest;
  if (`${manifest.backup_id}/manifest.json` !== options.key) {
    throw new AppError(
      "damaged",
      `Cannot read manifest ${where}: it belongs to backup ${JSON.stringify(manifest.backup_id)}`,
      { hint: "Give the backup's folder the name it had" },
    );
  }
  if (options.checkKeys ?? true) {
    for (const { problem } of wrongKeys(manifest)) {
      throw damaged(where, problem);
    }
  }
  return manifest;
}

/** A manifest as it is stored, in the format version that it names. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  if (manifest.format_version === 1) return writeManifestV1(manifest);
  const { definitions, skipped, queues, ...told } = manifestV2.parse(manifest);
  // What a listing tells comes first, so that it reads no more than that.
  const whole = { ...told, ...headOfQueues(manifest), definitions, skipped, queues };
  return new TextEncoder().encode(JSON.stringify(whole, null, 2) + "\n");
}

/**
 * A manifest as the earlier tool writes it; what version 1 does not know is left out. A partial backup
 * has no end there, which is all that version 1 can say of it.
 */
export function writeManifestV1(manifest: Manifest): Uint8Array {
  const whole = manifestV1.parse(manifest);
  if (manifest.state === "partial") whole.completed_at = null;
  return new TextEncoder().encode(JSON.stringify(whole, null, 2));
}

/** Keys and sequence numbers that are not what follows from the names. */
export function* wrongKeys(
  manifest: Manifest,
): Generator<{ vhost: string; queue: string; key: string; problem: string }> {
  const { backup_id: id, format_version: version } = manifest;
  const definitions = manifest.definitions?.key;
  if (
    definitions !== undefined && definitions !== definitionsKey(id, compressionOfKey(definitions))
  ) {
    const problem = `it names definitions ${JSON.stringify(definitions)}, outside of their place`;
    yield { vhost: "", queue: "", key: definitions, problem };
  }
  for (const { vhost, name, segments } of manifest.queues) {
    for (const [index, { key, sequence }] of segments.entries()) {
      const found = { vhost, queue: name, key };
      if (sequence !== index + 1) {
        yield { ...found, problem: `segment ${sequence} stands where ${index + 1} belongs` };
      }
      try {
        checkKey(key, id, vhost, name, sequence, version);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        yield { ...found, problem: error.message.replace(/^Cannot [^:]+: /, "") };
      }
    }
  }
}

function parseJson(bytes: Uint8Array, where: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damaged(where, "it is no JSON", { cause });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw damaged(where, "it is no JSON object");
}

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw damaged(where, `${path.join(".")}: ${message}`);
}

function damaged(where: string, what: string, options: ErrorOptions = {}): AppError {
  return new AppError("damaged", `Cannot read manifest ${where}: ${what}`, {
    ...options,
    hint: "Bring it back from a copy of the backup; with this one nothing of the backup is used",
  });
}

function fromV1(v1: z.infer<typeof manifestV1>): Manifest {
  const streams = v1.queues.filter((queue) => queue.queue_type === "stream");
  return {
    ...v1,
    format_version: 1,
    state: v1.completed_at === null ? "partial" : "complete",
    compression: codecOfV1(v1),
    definitions: v1.definitions && { ...v1.definitions, checksum: "" },
    queues: v1.queues.map((queue) => ({
      ...queue,
      durable: true,
      auto_delete: false,
      arguments: queue.queue_type === "classic" ? {} : { "x-queue-type": queue.queue_type },
      body_bytes: 0,
      largest_body: 0,
      capture: null,
    })),
    skipped: [],
    warnings: streams.map(({ vhost, name }) =>
      `Stream ${JSON.stringify(name)} of vhost ${
        JSON.stringify(vhost)
      }: format version 1 kept its ` +
      "properties and headers as text, without their types; they come back as that text"
    ),
    total_body_bytes: 0,
  };
}

function codecOfV1(v1: z.infer<typeof manifestV1>): Compression {
  const key = v1.definitions?.key ?? v1.queues.find((queue) => queue.segments[0])?.segments[0]?.key;
  return compressionOfKey(key ?? "");
}
