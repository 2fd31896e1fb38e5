import assert from "node:assert/strict";
import fc from "fast-check";
import type { SegmentEntry } from "../../archive/manifest.ts";
import type { FieldValue } from "../../message/field_table.ts";
import type { MessageHead } from "../../message/message.ts";
import { encodeProperties, type Properties } from "../../message/properties.ts";
import { MessagePicker } from "./picker.ts";
import { offsetWindows } from "./offset_windows.ts";
import { judgeOf, type MessageSelection, shareOf } from "./selection.ts";

const ALL: MessageSelection = {
  timeWindow: undefined,
  offsets: new Map(),
  filter: { headers: [], routing_keys: [], exchanges: [] },
  limit: Infinity,
};
const queueOf = (segments: SegmentEntry[], type = "classic") => ({
  ...{ vhost: "/", name: "q" },
  queue_type: type,
  segments,
});
const bytes = (text: string) => new TextEncoder().encode(text);

function headOf(
  { at = 0, exchange = "", key = "q", properties = {}, raw }: {
    at?: number;
    exchange?: string;
    key?: string;
    properties?: Properties;
    raw?: Uint8Array;
  },
): MessageHead {
  return {
    capturedAt: at,
    redelivered: false,
    exchange: bytes(exchange),
    routingKey: bytes(key),
    properties: raw ?? encodeProperties(properties),
    bodySize: 0,
  };
}

const withHeader = (value: FieldValue) =>
  headOf({ properties: { headers: [[bytes("tenant"), value]] } });

function judged(selection: Partial<MessageSelection>, ...heads: MessageHead[]): string[] {
  const judge = judgeOf({ ...ALL, ...selection }, queueOf([]))!;
  return heads.map(judge);
}

const filtered = (filter: Partial<MessageSelection["filter"]>, ...heads: MessageHead[]) =>
  judged({ filter: { ...ALL.filter, ...filter } }, ...heads);

Deno.test("both ends of a time window belong to it", () => {
  const window = { start: 10, end: 20 } as const;
  const read = [9, 10, 15, 20, 21].map((at) => headOf({ at }));
  assert.deepEqual(
    judged({ timeWindow: { ...window, field: "backed_up_at" } }, ...read),
    ["leave", "take", "take", "take", "leave"],
  );
  const own = [{ timestamp: 0n }, { timestamp: 15n }, {}, { timestamp: 2n ** 64n - 1n }];
  assert.deepEqual(
    judged(
      { timeWindow: { start: 1000, end: 15_000, field: "timestamp" } },
      ...own.map((properties) => headOf({ at: 12, properties })),
      headOf({ raw: Uint8Array.of(0x00) }),
    ),
    ["leave", "take", "untimed", "leave", "untimed"],
  );
});

Deno.test("headers of all types are compared as a person writes them", () => {
  const values: [FieldValue, string][] = [
    [{ tag: "S", value: bytes("acme") }, "ac*"],
    [{ tag: "x", value: bytes("acme") }, "~^acme$"],
    [{ tag: "I", value: -7 }, "-7"],
    [{ tag: "l", value: 9223372036854775807n }, "9223372036854775807"],
    [{ tag: "T", value: 1700000000n }, "1700000000"],
    [{ tag: "t", value: true }, "true"],
    [{ tag: "d", bits: Uint8Array.of(0x3f, 0xe0, 0, 0, 0, 0, 0, 0) }, "0.5"],
    [{ tag: "V" }, ""],
  ];
  for (const [value, pattern] of values) {
    const message = withHeader(value);
    assert.deepEqual(filtered({ headers: [`tenant=${pattern}`] }, message), ["take"], pattern);
    assert.deepEqual(filtered({ headers: ["tenant=other"] }, message), ["leave"], pattern);
    assert.deepEqual(filtered({ headers: ["tenant"] }, message), ["take"], pattern);
    assert.deepEqual(filtered({ headers: ["Tenant"] }, message), ["leave"], pattern);
  }
  const table = withHeader({ tag: "F", value: [] });
  assert.deepEqual(filtered({ headers: ["tenant=*"] }, table), ["leave"]);
  assert.deepEqual(filtered({ headers: ["tenant"] }, table), ["take"]);
  assert.deepEqual(filtered({ headers: ["tenant"] }, headOf({}), headOf({ raw: bytes("x") })), [
    "leave",
    "leave",
  ]);
  // All of them have to be there.
  const two = headOf({
    properties: { headers: [[bytes("a=b"), { tag: "V" }], [bytes("c"), { tag: "I", value: 1 }]] },
  });
  assert.deepEqual(filtered({ headers: ["c=1", "c=[0-9]"] }, two), ["take"]);
  assert.deepEqual(filtered({ headers: ["c=1", "d"] }, two), ["leave"]);
});

Deno.test("routing keys and exchanges: one of the patterns has to match, of each kind", () => {
  const heads = [
    headOf({ key: "order.new", exchange: "events" }),
    headOf({ key: "order.new" }),
    headOf({ key: "bill", exchange: "events" }),
  ];
  assert.deepEqual(filtered({ routing_keys: ["x", "order.*"] }, ...heads), [
    "take",
    "take",
    "leave",
  ]);
  assert.deepEqual(filtered({ exchanges: ["amq.default"] }, ...heads), ["leave", "take", "leave"]);
  assert.deepEqual(filtered({ exchanges: ["ev*"], routing_keys: ["order.*"] }, ...heads), [
    "take",
    "leave",
    "leave",
  ]);
});

const segmentOf = (first: number, last: number, records: number): SegmentEntry => ({
  key: `${first}`,
  sequence: 1,
  record_count: records,
  size_bytes: 1,
  uncompressed_bytes: 1,
  first_timestamp: first,
  last_timestamp: last,
  checksum: "",
});

Deno.test("segments outside of a window are not read, and bounds are as good as the manifest", () => {
  const segments = [segmentOf(0, 9, 10), segmentOf(10, 19, 10), segmentOf(20, 29, 10)];
  const window = (start: number, end: number) =>
    shareOf(queueOf(segments), { ...ALL, timeWindow: { start, end, field: "backed_up_at" } });
  assert.deepEqual(window(10, 24), {
    segments: segments.slice(1),
    records: 20,
    atLeast: 10,
    atMost: 20,
  });
  assert.deepEqual(window(9, 9).segments, segments.slice(0, 1));
  assert.deepEqual(window(30, Infinity).atMost, 0);
  const some = { ...ALL, filter: { ...ALL.filter, headers: ["a"] } };
  assert.deepEqual(shareOf(queueOf(segments), some), {
    segments,
    records: 30,
    atLeast: 0,
    atMost: 30,
  });
  const first = shareOf(queueOf(segments), { ...ALL, limit: 11 });
  assert.deepEqual(first, {
    segments: segments.slice(0, 2),
    records: 20,
    atLeast: 11,
    atMost: 11,
  });
  // Which are the first is known only when all have been looked at.
  assert.equal(shareOf(queueOf(segments), { ...some, limit: 3 }).segments.length, 3);
});

Deno.test("offsets of a stream: its segments and messages; other queues are not concerned", () => {
  const range = (first: number, last: number) => ({
    ...segmentOf(first, last, last - first + 1),
    stream: { message_count: last - first + 1, first_offset: first, last_offset: last },
  });
  const segments = [range(0, 99), range(100, 199), range(200, 299)];
  const stream = queueOf(segments, "stream");
  const of = (written: Record<string, string>) => ({ ...ALL, offsets: offsetWindows(written) });
  const some = shareOf(stream, of({ q: "150..260" }));
  assert.deepEqual(some, { segments: segments.slice(1), records: 200, atLeast: 0, atMost: 111 });
  const one = shareOf(stream, of({ "//q": "100..199" }));
  assert.deepEqual([one.segments.length, one.atLeast, one.atMost], [1, 100, 100]);
  assert.equal(shareOf(stream, of({ q: "300.." })).atMost, 0);
  assert.equal(shareOf(queueOf(segments), of({ q: "300.." })).atMost, 300);
  assert.equal(shareOf(stream, of({ other: "300.." })).atMost, 300);

  const at = (offset: bigint) => {
    const headers = [[bytes("x-stream-offset"), { tag: "l", value: offset }]] as const;
    return headOf({ properties: { headers } });
  };
  const judge = judgeOf(of({ q: "5..7" }), stream)!;
  assert.deepEqual([4n, 5n, 7n, 8n].map((offset) => judge(at(offset))), [
    "leave",
    "take",
    "take",
    "leave",
  ]);
  assert.equal(judge(headOf({})), "leave");
  assert.equal(judgeOf(of({ q: "5..7" }), queueOf([])), undefined);
});

/** A queue as segments of records with ascending capture times, some with a header. */
const queue = fc.array(
  fc.array(fc.record({ step: fc.nat(3), wanted: fc.boolean() }), { minLength: 1, maxLength: 6 }),
  { maxLength: 6 },
);

const choices = fc.record({
  start: fc.oneof(fc.constant(-Infinity), fc.nat(40)),
  length: fc.oneof(fc.constant(Infinity), fc.nat(40)),
  limit: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 12 })),
  byHeader: fc.boolean(),
});

Deno.test("property: however a restore is interrupted, the chosen messages are taken once, in order", () => {
  fc.assert(fc.property(queue, choices, fc.array(fc.nat(40)), (shape, choice, cuts) => {
    let time = 0;
    let number = 0;
    const stored = shape.map((records) =>
      records.map(({ step, wanted }) => {
        const properties: Properties = wanted ? { headers: [[bytes("h"), { tag: "V" }]] } : {};
        return { number: number++, wanted, head: headOf({ at: time += step, properties }) };
      })
    );
    const end = choice.start + choice.length;
    const selection: MessageSelection = {
      ...ALL,
      timeWindow: { start: choice.start, end: Number.isNaN(end) ? 30 : end, field: "backed_up_at" },
      filter: { ...ALL.filter, headers: choice.byHeader ? ["h"] : [] },
      limit: choice.limit,
    };
    const { start, end: last } = selection.timeWindow!;
    const expected = stored.flat().filter(({ wanted, head }) =>
      head.capturedAt >= start && head.capturedAt <= last && (wanted || !choice.byHeader)
    ).slice(0, choice.limit).map((record) => record.number);

    const segments = stored.map((records, index) => ({
      ...segmentOf(records[0]!.head.capturedAt, records.at(-1)!.head.capturedAt, records.length),
      sequence: index,
    }));
    const share = shareOf(queueOf(segments), selection);
    const read = share.segments.flatMap(({ sequence }) => stored[sequence]!);
    assert.ok(share.atLeast <= expected.length && expected.length <= share.atMost);

    const published: number[] = [];
    let position = { taken: 0, leftOut: 0, untimed: 0 };
    for (const cut of [...cuts, Infinity]) {
      const picker = new MessagePicker({ selection, entry: queueOf(segments) }, position);
      const from = position.taken;
      for (const record of read.slice(position.taken + position.leftOut)) {
        if (picker.isFull || picker.taken - from >= cut) break;
        if (picker.takes(record.head)) published.push(record.number);
      }
      // Confirmed is at most what was taken; what is not goes out again.
      const confirmed = Math.max(from, picker.taken - (cut % 3 || 0));
      published.length = confirmed;
      position = { taken: confirmed, ...picker.passedBy(confirmed) };
    }
    assert.deepEqual(published, expected);
  }));
});
