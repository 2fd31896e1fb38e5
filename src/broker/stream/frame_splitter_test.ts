import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { AppError } from "../../errors.ts";
import { FrameSplitter } from "./frame_splitter.ts";
import { COMMAND } from "./protocol.ts";
import { frameOf } from "./wire.ts";

type Found = { frame: Uint8Array } | { subscription: number; size: number; chunk: Uint8Array };

/** What a splitter finds in bytes that come in pieces of the given sizes. */
function split(bytes: Uint8Array, sizes: readonly number[]): Found[] {
  const found: Found[] = [];
  let open: { subscription: number; size: number; pieces: Uint8Array[] };
  const splitter = new FrameSplitter({
    frame: (frame) => found.push({ frame }),
    delivery: (subscription, size) => open = { subscription, size, pieces: [] },
    chunkBytes: (piece) => open.pieces.push(piece.slice()),
    deliveryEnd: () => {
      const { pieces, ...rest } = open;
      found.push({ ...rest, chunk: concat(...pieces) });
    },
  });
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    splitter.push(bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

const content = fc.uint8Array({ maxLength: 60 });

Deno.test("FrameSplitter: frames and deliveries come out whole, however the bytes are split", () => {
  const frames = fc.array(fc.oneof(
    fc.record({ key: fc.constantFrom(0x8007, COMMAND.publishConfirm, COMMAND.heartbeat), content }),
    fc.record({
      subscription: fc.nat(255),
      content: fc.uint8Array({ minLength: 1, maxLength: 60 }),
    }),
  ));
  fc.assert(fc.property(frames, fc.array(fc.nat(9)), (specs, sizes) => {
    const wire = specs.map((spec) =>
      "key" in spec
        ? frameOf(spec.key, (writer) => writer.raw(spec.content))
        : frameOf(COMMAND.deliver, (writer) => {
          writer.octet(spec.subscription);
          writer.raw(spec.content);
        })
    );
    assert.deepEqual(
      split(concat(...wire), sizes),
      specs.map((spec, index) =>
        "key" in spec ? { frame: wire[index]!.subarray(4) } : {
          subscription: spec.subscription,
          size: spec.content.length,
          chunk: spec.content,
        }
      ),
    );
  }));
});

Deno.test("FrameSplitter: arbitrary bytes are frames or an error that says so", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.array(fc.nat(9)), (bytes, sizes) => {
    try {
      split(bytes, sizes);
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === "broker_unreachable", String(error));
    }
  }));
});

Deno.test("FrameSplitter: a frame that claims more than any has is refused before its memory is taken", () => {
  const huge = Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0x80, 0x07, 0, 1);
  assert.throws(() => split(huge, []), { message: /a frame claims 2147483647 bytes/ });
  const empty = Uint8Array.of(0, 0, 0, 5, 0, COMMAND.deliver, 0, 1, 9);
  assert.throws(() => split(empty, []), { message: /a frame claims 5 bytes/ });
});
