/** The Python reader, written from FORMAT.md alone, on backups that this tool writes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Compression } from "../../src/archive/layout.ts";
import { decodeProperties } from "../../src/message/properties.ts";
import { FilesystemStorage } from "../../src/storage/filesystem.ts";
import { buildBackup, type TestQueue, variedMessages } from "../archive/build_backup.ts";
import { tempDir } from "../helpers/temp.ts";
import { readBackup } from "./read_backup.ts";

const QUEUES: TestQueue[] = [
  { vhost: "/", name: "orders", segments: [variedMessages(40), variedMessages(3)] },
  { vhost: "Ünï/codé", name: "../-x\0\u202e", segments: [variedMessages(10)] },
  { vhost: "/", name: "-", segments: [variedMessages(1)] },
  { vhost: "v", name: "empty", segments: [] },
];

interface Line {
  vhost: string;
  queue: string;
  captured_at: number;
  exchange: string;
  routing_key: string;
  redelivered: boolean;
  properties: string;
  headers: [string, Record<string, unknown>][];
  body_size: number;
  body_sha256: string;
}

for (const compression of ["zstd", "lz4", "none"] satisfies Compression[]) {
  Deno.test(`the Python reader reads a backup in ${compression}`, async () => {
    await using folder = await tempDir();
    const storage = new FilesystemStorage(folder.path);
    await buildBackup(storage, { backupId: "b-1", queues: QUEUES, compression });
    const { code, lines, errors } = await readBackup<Line>(folder.join("b-1"));
    assert.equal(code, 0, errors);
    const expected = QUEUES.flatMap(({ vhost, name, segments }) =>
      segments.flat().map(({ head, body }): Omit<Line, "headers"> => ({
        vhost,
        queue: name,
        captured_at: head.capturedAt,
        exchange: new TextDecoder().decode(head.exchange),
        routing_key: new TextDecoder().decode(head.routingKey),
        redelivered: head.redelivered,
        properties: Buffer.from(head.properties).toString("base64"),
        body_size: body.length,
        body_sha256: createHash("sha256").update(body).digest("hex"),
      }))
    );
    assert.deepEqual(lines.map(({ headers: _, ...line }) => line), expected);
    const decoded = QUEUES.flatMap(({ segments }) => segments.flat())
      .map(({ head }) => decodeProperties(head.properties).headers ?? []);
    assert.deepEqual(lines.map(({ headers }) => headers.map(typed)), decoded.map(names));
  });
}

Deno.test("the Python reader refuses a flipped bit and a changed key", async () => {
  await using folder = await tempDir();
  const storage = new FilesystemStorage(folder.path);
  const { queues } = await buildBackup(storage, { backupId: "b", queues: QUEUES });
  const path = folder.join(queues[0]!.segments[0]!.key);
  const bytes = await Deno.readFile(path);
  bytes[100]! ^= 4;
  await Deno.writeFile(path, bytes);
  const flipped = await readBackup<Line>(folder.join("b"));
  assert.equal(flipped.code, 1);
  assert.match(flipped.errors, /SHA-256 of b\/queues\/_default\/orders\/segment-0001/);

  const change = ({ queues }: { queues: { segments: { key: string }[] }[] }) => {
    queues[0]!.segments[0]!.key = "../b/queues/_default/orders/segment-0001.zst";
  };
  await buildBackup(storage, { backupId: "c", queues: QUEUES, change });
  assert.match((await readBackup<Line>(folder.join("c"))).errors, /key \.\.\/b/);
});

/** Name and tag of each header, from both sides. */
function typed([name, value]: Line["headers"][number]): string {
  return `${name}:${Object.keys(value)[0]}`;
}

function names(table: NonNullable<ReturnType<typeof decodeProperties>["headers"]>): string[] {
  return table.map(([name, { tag }]) => `${new TextDecoder().decode(name)}:${tag}`);
}
