import assert from "node:assert/strict";
import fc from "fast-check";
import { bytes, concat, frame, uint, type WireFrame } from "../../../tests/helpers/amqp_wire.ts";
import { FrameSplitter } from "./frame.ts";

const MAX = 4096;

/** Payloads are short and often hold what looks like a frame end. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.array(fc.constantFrom(0xce, 0x01, 0x00), { maxLength: 12 }).map((list) => bytes(...list)),
);
const wireFrame: fc.Arbitrary<WireFrame> = fc.record({
  type: fc.constantFrom(1, 2, 3, 8),
  channel: fc.integer({ min: 0, max: 0xffff }),
  payload,
}, { noNullPrototype: true });
const wireOf = (frames: readonly WireFrame[]) =>
  concat(...frames.map((one) => frame(one.type, one.channel, one.payload)));

/** All frames that a splitter has ready, as copies. */
function drain(splitter: FrameSplitter): WireFrame[] {
  const frames: WireFrame[] = [];
  for (let one = splitter.next(); one !== undefined; one = splitter.next()) {
    const { type, channel, start, payloadStart, payloadEnd } = one;
    assert.equal(payloadStart, start + 7);
    frames.push({ type, channel, payload: splitter.bytes.slice(payloadStart, payloadEnd) });
  }
  return frames;
}

function split(chunks: readonly Uint8Array[]): WireFrame[] {
  const splitter = new FrameSplitter(MAX);
  return chunks.flatMap((chunk) => {
    splitter.push(chunk);
    return drain(splitter);
  });
}

Deno.test("frames: the same whatever the chunks, cut at every byte", () => {
  fc.assert(fc.property(fc.array(wireFrame, { maxLength: 4 }), (frames) => {
    const wire = wireOf(frames);
    for (let cut = 0; cut <= wire.length; cut++) {
      assert.deepEqual(split([wire.slice(0, cut), wire.slice(cut)]), frames);
    }
  }));
});

Deno.test("frames: the same in chunks of any sizes, down to single bytes", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  fc.assert(fc.property(fc.array(wireFrame, { maxLength: 20 }), sizes, (frames, sizes) => {
    const wire = wireOf(frames);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < wire.length;) {
      const size = sizes[chunks.length % sizes.length]!;
      chunks.push(wire.slice(at, at + size));
      at += size;
    }
    assert.deepEqual(split(chunks), frames);
  }));
});

Deno.test("frames: bytes that are there from the start come first", () => {
  const frames = [{ type: 1, channel: 7, payload: bytes(1, 2) }, {
    type: 3,
    channel: 65535,
    payload: bytes(),
  }];
  const wire = wireOf(frames);
  const splitter = new FrameSplitter(MAX, wire.slice(0, 12));
  const first = drain(splitter);
  splitter.push(wire.slice(12));
  assert.deepEqual([...first, ...drain(splitter)], frames);
});

Deno.test("frames: a view into a larger buffer is read from its own start", () => {
  const whole = concat(bytes(9, 9, 9), frame(2, 258, uint(0x01020304, 8)));
  const splitter = new FrameSplitter(MAX);
  splitter.push(whole.subarray(3));
  const one = splitter.next();
  assert.equal(one?.channel, 258);
  assert.equal(splitter.u16(one!.payloadStart + 4), 0x0102);
  assert.equal(splitter.u32(one!.payloadStart + 4), 0x01020304);
  assert.equal(splitter.u64(one!.payloadStart), 0x01020304);
});

Deno.test("frames: 64-bit numbers are exact up to 2^53", () => {
  for (const value of [0, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER]) {
    assert.equal(new FrameSplitter(MAX, uint(value, 8)).u64(0), value);
  }
});

Deno.test("frames: the largest that was agreed passes, one byte more does not", () => {
  const largest = new FrameSplitter(64);
  largest.push(frame(3, 1, new Uint8Array(64 - 8)));
  assert.equal(drain(largest).length, 1);
  const larger = new FrameSplitter(64);
  // Known from its first seven bytes: a length of four gigabytes is not waited for.
  larger.push(frame(3, 1, new Uint8Array(64 - 7)).subarray(0, 7));
  assert.throws(() => larger.next(), RangeError);
  const huge = new FrameSplitter(MAX);
  huge.push(bytes(3, 0, 1, 0xff, 0xff, 0xff, 0xff));
  assert.throws(() => huge.next(), /4294967295 bytes where at most 4096 were agreed/);
});

Deno.test("frames: no agreed limit", () => {
  const splitter = new FrameSplitter(0xffff_ffff);
  splitter.push(frame(3, 1, new Uint8Array(300_000)));
  assert.equal(drain(splitter)[0]?.payload.length, 300_000);
});

Deno.test("frames: a frame that does not end with 0xCE is garbage", () => {
  fc.assert(fc.property(wireFrame, fc.integer({ min: 0, max: 254 }), (one, end) => {
    fc.pre(end !== 0xce);
    const wire = wireOf([one]);
    wire[wire.length - 1] = end;
    const splitter = new FrameSplitter(MAX);
    splitter.push(wire);
    assert.throws(() => splitter.next(), RangeError);
  }));
});

Deno.test("frames: random bytes never give a frame that is not there", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
    let found: WireFrame[] = [];
    try {
      found = split([garbage]);
    } catch (error) {
      assert.ok(error instanceof RangeError);
    }
    assert.deepEqual(wireOf(found), garbage.slice(0, wireOf(found).length));
  }));
});
