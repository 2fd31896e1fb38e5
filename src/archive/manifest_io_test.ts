import assert from "node:assert/strict";
import { AppError } from "../errors.ts";
import { segmentKey, segmentKeyV1 } from "./layout.ts";
import type { Manifest, QueueEntry } from "./manifest.ts";
import { encodeManifest, parseManifest, wrongKeys } from "./manifest_io.ts";

const KEY = "b/manifest.json";

function queue(vhost: string, name: string, change: Partial<QueueEntry> = {}): QueueEntry {
  return {
    vhost,
    name,
    queue_type: "quorum",
    durable: true,
    auto_delete: false,
    arguments: { "x-queue-type": "quorum", "x-max-length": 10 },
    segments: [1, 2].map((sequence) => ({
      key: segmentKey("b", vhost, name, sequence, "zstd"),
      sequence,
      record_count: 5,
      size_bytes: 100,
      uncompressed_bytes: 1000,
      first_timestamp: 1_700_000_000_000,
      last_timestamp: 1_700_000_000_001,
      checksum: "0a".repeat(32),
    })),
    message_count: 10,
    body_bytes: 50,
    largest_body: 9,
    first_message_timestamp: 1_700_000_000_000,
    last_message_timestamp: null,
    capture: {
      depth_before: 10,
      depth_after: null,
      return_method: "recover",
      delivery_attempts: 0,
      hold_ms: 12.5,
      highest_delivery_count: null,
      fingerprint: "0b".repeat(32),
    },
    ...change,
  };
}

function manifest(change: Partial<Manifest> = {}): Manifest {
  return {
    format_version: 2,
    backup_id: "b",
    state: "partial",
    created_at: 1,
    completed_at: 2,
    source_cluster: "rabbit@host",
    rabbitmq_version: "4.0.5",
    backup_tool_version: "0.1.0",
    compression: "zstd",
    definitions: {
      key: "b/definitions/definitions.json.zst",
      vhost_count: 1,
      queue_count: 2,
      exchange_count: 3,
      user_count: 4,
      size_bytes: 5,
      checksum: "0c".repeat(32),
    },
    queues: [queue("/", "orders"), queue("Ünï", "../x")],
    skipped: [{
      vhost: "/",
      name: "gone",
      queue_type: "classic",
      kind: "failed",
      reason: "it vanished",
    }],
    warnings: ["w"],
    total_messages: 20,
    total_body_bytes: 100,
    total_bytes: 400,
    total_segments: 4,
    ...change,
  };
}

const parse = (value: unknown, checkKeys = true) =>
  parseManifest(new TextEncoder().encode(JSON.stringify(value)), { key: KEY, checkKeys });

Deno.test("manifest: what is written is read, and begins with its version", () => {
  const bytes = encodeManifest(manifest());
  assert.deepEqual(parseManifest(bytes, { key: KEY }), manifest());
  const text = new TextDecoder().decode(bytes);
  assert.match(text, /^\{\n {2}"format_version": 2,\n {2}"backup_id": "b",\n/);
  assert.ok(text.endsWith("}\n"));
});

Deno.test("manifest: fields of a newer tool are passed over, a newer version is not", () => {
  const newer = { ...manifest(), future: { a: 1 } };
  newer.queues = [{ ...queue("/", "orders"), color: "blue" } as QueueEntry];
  assert.deepEqual(parse(newer), manifest({ queues: [queue("/", "orders")] }));
  assert.throws(() => parse({ format_version: 3 }), {
    code: "damaged",
    message: /format version 3; this tool knows 1 and 2/,
    hint: /newer/,
  });
});

Deno.test("manifest: what is wrong is named", () => {
  const first = queue("/", "orders");
  const wrong: [unknown, RegExp][] = [
    [{ ...manifest(), total_bytes: -1 }, /manifest "b\/manifest.json": total_bytes: /],
    [{ ...manifest(), state: "good" }, /: state: /],
    [{ ...manifest(), queues: [{ ...first, capture: {} }] }, /: queues\.0\.capture\./],
    [{ ...manifest(), backup_id: "other" }, /belongs to backup "other"/],
    [{ ...manifest(), format_version: "2" }, /: format_version: /],
    [{}, /: backup_id: /],
    [[], /no JSON object/],
    [null, /no JSON object/],
    ["text", /no JSON object/],
  ];
  for (const [value, message] of wrong) {
    assert.throws(() => parse(value), { code: "damaged", message }, String(message));
  }
  const bytes = new Uint8Array([0x7b, 0xff]);
  assert.throws(() => parseManifest(bytes, { key: KEY }), { message: /it is no JSON/ });
});

Deno.test("manifest: keys that do not follow from the names are refused, or reported", () => {
  const [first, second] = queue("/", "orders").segments as [never, never];
  const cases: [Partial<Manifest>, RegExp][] = [
    [{ queues: [queue("/", "other", { segments: [first] })] }, /names segment .* belongs there/],
    [
      { queues: [queue("/", "orders", { segments: [second] })] },
      /segment 2 stands where 1 belongs/,
    ],
    [
      { definitions: { ...manifest().definitions!, key: "b/../../etc/passwd" } },
      /names definitions "b\/\.\.\/\.\.\/etc\/passwd", outside of their place/,
    ],
  ];
  for (const [change, message] of cases) {
    assert.throws(() => parse(manifest(change)), { code: "damaged", message });
    const problems = [...wrongKeys(parse(manifest(change), false))];
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.problem, message);
  }
});

Deno.test("manifest: version 1 is written and read, without what it does not know", () => {
  const plain = queue("/", "orders");
  const stream = queue("/", "log", { queue_type: "stream", segments: [] });
  plain.segments.forEach((segment) => {
    segment.key = segmentKeyV1("b", "/", "orders", segment.sequence, "zstd");
  });
  const written = manifest({ format_version: 1, state: "complete", queues: [plain, stream] });
  const bytes = encodeManifest(written);
  const json = JSON.parse(new TextDecoder().decode(bytes));
  assert.deepEqual(Object.keys(json), [
    ...["backup_id", "created_at", "completed_at", "source_cluster", "rabbitmq_version"],
    ...["backup_tool_version", "definitions", "queues", "total_messages", "total_bytes"],
    "total_segments",
  ]);
  assert.equal("checksum" in json.definitions, false);
  const read = parseManifest(bytes, { key: KEY });
  const lost = { body_bytes: 0, largest_body: 0, capture: null };
  assert.deepEqual(
    read,
    manifest({
      format_version: 1,
      state: "complete",
      definitions: { ...manifest().definitions!, checksum: "" },
      queues: [
        { ...plain, ...lost, arguments: { "x-queue-type": "quorum" } },
        { ...stream, ...lost, arguments: { "x-queue-type": "stream" } },
      ],
      skipped: [],
      warnings: read.warnings,
      total_body_bytes: 0,
    }),
  );
  assert.equal(read.warnings.length, 1);
  assert.match(read.warnings[0]!, /^Stream "log" of vhost "\/": .* without their types/);
});

Deno.test("manifest: one that was never completed in version 1 counts as partial", () => {
  const v1 = { ...manifest(), queues: [], completed_at: null, format_version: undefined };
  assert.equal(parse(v1).state, "partial");
});

Deno.test("manifest: a partial one has no end in version 1", () => {
  for (const state of ["partial", "complete"] as const) {
    const whole = manifest({ format_version: 1, queues: [], state });
    const read = parseManifest(encodeManifest(whole), { key: KEY });
    assert.equal(read.state, state);
    assert.equal(read.completed_at, state === "partial" ? null : whole.completed_at);
  }
});

Deno.test("manifest: a flipped byte never gives anything but an error or a manifest", () => {
  const bytes = encodeManifest(manifest());
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= 1 << at % 8;
    try {
      parseManifest(flipped, { key: KEY });
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === "damaged", String(error));
    }
  }
});
