import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { encodeRecord } from "../../archive/record.ts";
import type { FieldTable } from "../../message/field_table.ts";
import { encodeProperties, type Properties } from "../../message/properties.ts";
import { compareDigests } from "./compare.ts";
import { messageDigests } from "./digests.ts";

async function* digestsOf(messages: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const message of messages) {
    yield await Promise.resolve(createHash("sha256").update(`${message}`).digest());
  }
}

const compared = (expected: number[], actual: number[], isOrdered = true) =>
  compareDigests(digestsOf(expected), digestsOf(actual), { isOrdered });

Deno.test("what differs, and from where on", async () => {
  const counts = (expected: number, actual: number) => ({ expected, actual });
  assert.deepEqual(await compared([], []), { ...counts(0, 0), result: "same" });
  assert.deepEqual(await compared([1, 2, 2], [1, 2, 2]), { ...counts(3, 3), result: "same" });
  assert.deepEqual(await compared([1, 2, 3], [1, 3]), {
    ...counts(3, 2),
    result: "missing",
    firstDifference: 1,
  });
  assert.deepEqual(await compared([1], [1, 1]), {
    ...counts(1, 2),
    result: "extra",
    firstDifference: 1,
  });
  assert.deepEqual(await compared([1, 2, 3], [1, 3, 2]), {
    ...counts(3, 3),
    result: "order",
    firstDifference: 1,
  });
  assert.deepEqual(await compared([1, 1, 2], [1, 2, 2]), {
    ...counts(3, 3),
    result: "other",
    firstDifference: 1,
  });
  assert.deepEqual(await compared([1, 2, 3], [3, 2, 1], false), {
    ...counts(3, 3),
    result: "same",
  });
  assert.equal((await compared([1, 2], [1, 3], false)).result, "other");
});

Deno.test("property: two sequences are the same exactly when they are", async () => {
  const sequence = fc.array(fc.nat(3), { maxLength: 8 });
  await fc.assert(fc.asyncProperty(sequence, sequence, async (one, other) => {
    const { result, firstDifference } = await compared(one, other);
    const isSame = JSON.stringify(one) === JSON.stringify(other);
    assert.equal(result === "same", isSame);
    if (isSame) return assert.equal(firstDifference, undefined);
    assert.deepEqual(one.slice(0, firstDifference), other.slice(0, firstDifference));
    assert.notEqual(one[firstDifference!], other[firstDifference!]);
    const isPermuted = JSON.stringify(one.toSorted()) === JSON.stringify(other.toSorted());
    assert.equal((await compared(one, other, false)).result === "same", isPermuted);
  }));
});

const bytes = (text: string) => new TextEncoder().encode(text);

async function digestOf(
  properties: Properties,
  { body = "b", key = "k" }: { body?: string; key?: string } = {},
): Promise<string> {
  const content = bytes(body);
  const head = {
    capturedAt: 1,
    redelivered: false,
    exchange: bytes(""),
    routingKey: bytes(key),
    properties: encodeProperties(properties),
    bodySize: content.length,
  };
  const record = encodeRecord({ head, body: content });
  async function* pieces() {
    for (const byte of record) yield await Promise.resolve(Uint8Array.of(byte));
  }
  const [digest] = await Array.fromAsync(messageDigests(pieces()));
  return digest!.toHex();
}

Deno.test("a message is the same whatever brokers and the restore do to it, and else not", async () => {
  const headers: FieldTable = [[bytes("b"), { tag: "I", value: 1 }], [bytes("a"), { tag: "V" }]];
  const known = await digestOf({ headers, priority: 3 });
  const count = [bytes("x-delivery-count"), { tag: "I", value: 5 }] as const;
  assert.equal(await digestOf({ headers: [...headers].reverse(), priority: 3 }), known);
  assert.equal(await digestOf({ headers: [count, ...headers], priority: 3 }), known);
  assert.equal(await digestOf({ headers, priority: 3 }, { key: "queue" }), known);
  assert.equal(await digestOf({ headers: [] }), await digestOf({}));
  assert.equal(await digestOf({ headers: [count] }), await digestOf({}));
  const others = [
    digestOf({ headers, priority: 4 }),
    digestOf({ headers }),
    digestOf({ headers, priority: 3 }, { body: "c" }),
    digestOf({ headers: headers.slice(1), priority: 3 }),
    digestOf({ headers: [...headers, [bytes("c"), { tag: "V" }]], priority: 3 }),
  ];
  for (const other of await Promise.all(others)) assert.notEqual(other, known);
});
