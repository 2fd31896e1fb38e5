import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { encodeRecord, RecordParser } from "./record.ts";
import { RecordFingerprint } from "./fingerprint.ts";

const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });
const message = fc.record({
  capturedAt: fc.nat(),
  redelivered: fc.boolean(),
  exchange: bytes(255),
  routingKey: bytes(255),
  properties: bytes(100, 2),
  body: fc.oneof(bytes(300), fc.nat(400_000).map((size) => new Uint8Array(size).fill(size))),
}).map(({ body, ...head }) => ({ head: { ...head, bodySize: body.length }, body }));

Deno.test("fingerprint: SHA-256 of the records without flags and capture time, however fed", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.integer({ min: 1 }), (list, step) => {
      const expected = createHash("sha256");
      const pushed = new RecordFingerprint();
      const parsed = new RecordFingerprint();
      const parser = new RecordParser(parsed);
      for (const { head, body } of list) {
        const record = encodeRecord({ head, body });
        expected.update(record.subarray(0, 4)).update(record.subarray(13));
        pushed.head({ ...head, capturedAt: 1, redelivered: !head.redelivered });
        if (body.length > 0) pushed.body(body);
        pushed.end();
        const size = step % 200_000 + 1;
        for (let at = 0; at < record.length; at += size) {
          parser.push(record.subarray(at, at + size));
        }
      }
      const digest = expected.digest("hex");
      assert.equal(pushed.digest(), digest);
      assert.equal(parsed.digest(), digest);
    }),
    { numRuns: 40 },
  );
});

Deno.test("fingerprint: another order or another split of bytes is another fingerprint", () => {
  const of = (...parts: string[][]) => {
    const fingerprint = new RecordFingerprint();
    for (const [exchange, routingKey, body] of parts.map((part) => part.map(Buffer.from))) {
      const properties = new Uint8Array(2);
      const bodySize = body!.length;
      const rest = { properties, bodySize, capturedAt: 0, redelivered: false };
      fingerprint.head({ ...rest, exchange: exchange!, routingKey: routingKey! });
      fingerprint.body(body!);
      fingerprint.end();
    }
    return fingerprint.digest();
  };
  const all = [
    of(["a", "b", "cd"]),
    of(["a", "b", "c"], ["a", "b", "d"]),
    of(["a", "b", "d"], ["a", "b", "c"]),
    of(["ab", "", "cd"]),
    of(["a", "bc", "d"]),
  ];
  assert.equal(new Set(all).size, all.length);
});
