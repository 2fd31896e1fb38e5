import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { canMount, SmallDisk } from "../../../tests/helpers/small_disk.ts";
import { tempDir } from "../../../tests/helpers/temp.ts";
import { encodeRecord } from "../../archive/record.ts";
import type { AppError } from "../../errors.ts";
import type { Message } from "../../message/message.ts";
import { removeFolder, spoolError, type SpoolOptions, SpoolWriter, syncSpool } from "./spool.ts";

const MODE = 0o777;
const NOW = 1_700_000_000_000;

/** Runs `body` with a clock that stands still until it is set. */
async function withClock(body: (set: (now: number) => void) => void | Promise<void>) {
  const original = Date.now;
  let now = NOW;
  Date.now = () => now;
  try {
    await body((value) => now = value);
  } finally {
    Date.now = original;
  }
}

function newSpool(
  folder: string,
  options: Partial<SpoolOptions> = {},
): { spool: SpoolWriter; errors: AppError[] } {
  const errors: AppError[] = [];
  const spool = new SpoolWriter({
    folder,
    segmentMaxBytes: 1 << 30,
    segmentMaxIntervalMs: 60_000,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { spool, errors };
}

function message(change: Partial<Message["head"]> = {}, body = new Uint8Array(0)): Message {
  return {
    head: {
      capturedAt: NOW,
      redelivered: false,
      exchange: new Uint8Array(0),
      routingKey: new TextEncoder().encode("q"),
      properties: new Uint8Array([0x10, 0, 2]),
      bodySize: body.length,
      ...change,
    },
    body,
  };
}

const sized = (size: number) => message({}, new Uint8Array(randomBytes(size)));

/** Feeds a message as the tap would; its body in pieces of these sizes, in turn. */
function feed(spool: SpoolWriter, { head, body }: Message, pieces: readonly number[] = [4096]) {
  const { redelivered, exchange, routingKey, properties, bodySize } = head;
  spool.head({ deliveryTag: 1, redelivered, exchange, routingKey, properties, bodySize });
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const size = pieces[turn % pieces.length]!;
    spool.body(body.subarray(at, at + size));
    at += size;
  }
  spool.end();
}

/** Contents of the closed segments, in order. */
function contents(spool: SpoolWriter): Uint8Array[] {
  return spool.segments.map(({ file }) => Deno.readFileSync(file));
}

const anyMessage: fc.Arbitrary<Message> = fc.record({
  redelivered: fc.boolean(),
  exchange: fc.uint8Array({ maxLength: 255 }),
  routingKey: fc.uint8Array({ maxLength: 255 }),
  properties: fc.uint8Array({ minLength: 2, maxLength: 500 }),
  body: fc.uint8Array({ maxLength: 3000 }),
}).map(({ body, ...head }) => message({ ...head, bodySize: body.length }, body));

Deno.test("spool: the very bytes of the archive's records, however they come", async () => {
  await using dir = await tempDir();
  await withClock(() => {
    let folders = 0;
    fc.assert(fc.property(
      fc.array(anyMessage, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 20_000 }),
      (messages, pieces, segmentMaxBytes) => {
        const { spool, errors } = newSpool(dir.join(`${folders++}`), { segmentMaxBytes });
        for (const one of messages) feed(spool, one, pieces);
        spool.finish();
        const records = messages.map(encodeRecord);
        assert.deepEqual(concat(...contents(spool)), concat(...records));
        assert.equal(spool.messageCount, messages.length);
        assert.equal(spool.bytes, records.reduce((sum, record) => sum + record.length, 0));
        const sizes = messages.map(({ body }) => body.length);
        assert.equal(spool.bodyBytes, sizes.reduce((sum, size) => sum + size, 0));
        assert.equal(spool.largestBody, Math.max(0, ...sizes));
        assert.deepEqual(errors, []);
        // No segment grows on once it has its size, and none is empty.
        let next = 0;
        for (const { recordCount, bytes } of spool.segments) {
          const part = records.slice(next, next + recordCount).map(({ length }) => length);
          assert.equal(part.reduce((sum, size) => sum + size, 0), bytes);
          assert.ok(bytes - part.at(-1)! < segmentMaxBytes);
          next += recordCount;
        }
        assert.equal(next, messages.length);
      },
    ));
  });
});

Deno.test("spool: a message that was begun is forgotten, and may come again", async () => {
  await using dir = await tempDir();
  await withClock(() => {
    const largest = 2 << 20;
    for (const before of [[], [sized(10)], [sized(largest), sized(20)]]) {
      for (const size of [100, largest]) {
        const { spool, errors } = newSpool(dir.join(crypto.randomUUID()));
        for (const one of before) feed(spool, one);
        spool.abandon(); // of nothing
        const again = sized(size);
        spool.head({ ...again.head, deliveryTag: 1 });
        spool.body(again.body.subarray(0, size / 2));
        spool.abandon();
        feed(spool, again);
        spool.finish();
        const records = [...before, again].map(encodeRecord);
        assert.deepEqual(concat(...contents(spool)), concat(...records));
        assert.deepEqual(errors, []);
        assert.equal(spool.messageCount, records.length);
        assert.equal(spool.segments[0]!.bytes, concat(...records).length);
        assert.equal(
          spool.bodyBytes,
          [...before, again].reduce((sum, { body }) => sum + body.length, 0),
        );
      }
    }
  });
});

Deno.test("spool: bodies and properties around and beyond the buffer", async () => {
  await using dir = await tempDir();
  await withClock(() => {
    const buffer = 1024 * 1024;
    const { spool, errors } = newSpool(dir.join("queue"));
    const messages = [
      ...[0, 1, buffer - 100, buffer, buffer + 1, 5 * buffer, 3].map(sized),
      message({ properties: new Uint8Array(60_000).fill(8) }, new Uint8Array(5)),
      message({ properties: new Uint8Array(2 * buffer).fill(9) }, new Uint8Array(5)),
      sized(10),
    ];
    messages.forEach((one, index) => {
      feed(spool, one, [[131_064], [65_536], [3 * buffer, 7]][index % 3]!);
    });
    spool.finish();
    assert.deepEqual(errors, []);
    const [found, ...more] = contents(spool);
    assert.equal(more.length, 0);
    assert.equal(found!.length, spool.bytes);
    assert.deepEqual(found, concat(...messages.map(encodeRecord)));
  });
});

Deno.test("spool: what is handed over may change afterwards", async () => {
  await using dir = await tempDir();
  await withClock(() => {
    const { spool } = newSpool(dir.join("queue"));
    const shared = message({ properties: new Uint8Array([0x10, 0, 1]) }, new Uint8Array([5, 5]));
    const before = encodeRecord(shared);
    feed(spool, shared);
    shared.body.fill(6);
    shared.head.properties.fill(6);
    shared.head.routingKey.fill(6);
    spool.finish();
    assert.deepEqual(contents(spool), [before]);
  });
});

Deno.test("spool: a segment ends when its first record is too old", async () => {
  await using dir = await tempDir();
  await withClock((set) => {
    const { spool } = newSpool(dir.join("queue"), { segmentMaxIntervalMs: 1000 });
    for (const at of [0, 500, 999, 1000, 1001, 1500, 2001, 2002]) {
      set(NOW + at);
      feed(spool, sized(1));
    }
    spool.finish();
    const times = spool.segments.map(({ recordCount, firstTimestamp, lastTimestamp }) => [
      recordCount,
      firstTimestamp - NOW,
      lastTimestamp - NOW,
    ]);
    assert.deepEqual(times, [[4, 0, 1000], [3, 1001, 2001], [1, 2002, 2002]]);
    assert.deepEqual(spool.segments.map(({ file }) => file), [
      dir.join("queue", "segment-1"),
      dir.join("queue", "segment-2"),
      dir.join("queue", "segment-3"),
    ]);
  });
});

Deno.test("spool: nothing read, nothing written", async () => {
  await using dir = await tempDir();
  const { spool, errors } = newSpool(dir.join("queue"));
  spool.finish();
  spool.finish();
  assert.deepEqual(spool.segments, []);
  assert.deepEqual([...Deno.readDirSync(dir.join("queue"))], []);
  assert.deepEqual(errors, []);
});

Deno.test("spool: folder and files are the owner's alone", async () => {
  await using dir = await tempDir();
  const folder = dir.join("run", "queue");
  const { spool } = newSpool(folder);
  feed(spool, sized(10));
  assert.equal(Deno.statSync(dir.join("run")).mode! & MODE, 0o700);
  assert.equal(Deno.statSync(folder).mode! & MODE, 0o700);
  assert.equal(Deno.statSync(dir.join("run", "queue", "segment-1")).mode! & MODE, 0o600);
  spool.finish();
});

Deno.test("spool: what an earlier run left is removed", async () => {
  await using dir = await tempDir();
  const folder = dir.join("queue");
  await withClock(() => {
    for (const count of [3, 1]) {
      const { spool, errors } = newSpool(folder, { segmentMaxBytes: 1 });
      const messages = Array.from({ length: count }, () => sized(20));
      for (const one of messages) feed(spool, one);
      spool.finish();
      assert.deepEqual(errors, []);
      assert.deepEqual(contents(spool), messages.map(encodeRecord));
      assert.equal([...Deno.readDirSync(folder)].length, count);
    }
  });
});

Deno.test("spool: a message that was begun is not in a segment before it is whole", async () => {
  await using dir = await tempDir();
  {
    using spool = newSpool(dir.join("queue")).spool;
    spool.head({ deliveryTag: 1, ...message({ bodySize: 10 }).head });
    spool.body(new Uint8Array(4));
    assert.equal(spool.messageCount, 0);
    assert.deepEqual(spool.segments, []);
  }
  // Disposed: the file is closed, and may be removed with its folder.
  removeFolder(dir.join("queue"));
});

Deno.test("spool: a folder that cannot be made is told once, and nothing is thrown", async () => {
  await using dir = await tempDir();
  const file = await dir.write("file", "not a folder");
  const { spool, errors } = newSpool(`${file}/queue`);
  assert.equal(errors.length, 1);
  assert.equal(spool.failure, errors[0]);
  feed(spool, sized(10));
  spool.finish();
  assert.equal(errors.length, 1);
  assert.equal(errors[0]!.code, "storage_denied");
  assert.match(errors[0]!.message, /Cannot write to the spool ".*file\/queue"/);
  assert.match(errors[0]!.hint!, /spool_dir/);
  assert.equal(spool.messageCount, 0);
});

Deno.test("spool: a message that no record can hold is an error, not a throw", async () => {
  await using dir = await tempDir();
  const { spool, errors } = newSpool(dir.join("queue"));
  feed(spool, message({ properties: new Uint8Array(1) }));
  assert.equal(errors.length, 1);
  assert.match(errors[0]!.message, /too long for the format/);
});

Deno.test({
  name: "spool: a full disk is told once, and nothing is thrown",
  ignore: !canMount(),
  fn: async () => {
    // Full in the middle of a body, at the end of the run, and when a file is made.
    for (const [size, kilobytes] of [[3_000_000, 1024], [600_000, 256]] as const) {
      await using disk = await SmallDisk.mount({ kilobytes });
      const { spool, errors } = newSpool(disk.join("queue"));
      feed(spool, sized(10));
      feed(spool, sized(size), [64_000]);
      feed(spool, sized(10));
      spool.finish();
      spool[Symbol.dispose]();
      assert.equal(errors.length, 1);
      assert.equal(errors[0]!.code, "storage_full");
      assert.match(errors[0]!.message, /the disk is full/);
      removeFolder(disk.join("queue"));
      assert.deepEqual([...Deno.readDirSync(disk.path)], []);
    }
  },
});

Deno.test("spool: synced files are still what they were", async () => {
  await using dir = await tempDir();
  const { spool } = newSpool(dir.join("queue"), { segmentMaxBytes: 1 });
  const messages = [sized(3), sized(4)];
  await withClock(() => messages.forEach((one) => feed(spool, one)));
  spool.finish();
  await syncSpool(spool.segments);
  assert.deepEqual(contents(spool), messages.map(encodeRecord));
  Deno.removeSync(spool.segments[0]!.file);
  await assert.rejects(syncSpool(spool.segments), { code: "storage_denied" });
});

Deno.test("spool: removing a folder that is not there is fine", async () => {
  await using dir = await tempDir();
  removeFolder(dir.join("none"));
  Deno.mkdirSync(dir.join("some", "more"), { recursive: true });
  removeFolder(dir.join("some"));
  assert.throws(() => Deno.statSync(dir.join("some")), Deno.errors.NotFound);
});

Deno.test("spool: errors by their kind", () => {
  const codeOf = (text: string) => spoolError("/spool", new Error(text)).code;
  assert.equal(codeOf("No space left on device (os error 28)"), "storage_full");
  assert.equal(codeOf("Disk quota exceeded (os error 122)"), "storage_full");
  assert.equal(codeOf("Permission denied (os error 13)"), "storage_denied");
  assert.equal(codeOf("Read-only file system (os error 30)"), "storage_denied");
  const known = spoolError("/spool", new Error("x"));
  assert.equal(spoolError("/other", known), known);
});
