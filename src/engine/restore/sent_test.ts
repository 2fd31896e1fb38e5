import assert from "node:assert/strict";
import fc from "fast-check";
import { SentFigures } from "./sent.ts";

Deno.test("SentFigures counts what was taken, and not what was sent", () => {
  const figures = new SentFigures(4);
  figures.add(10, 1);
  figures.add(20, 3);
  figures.add(30, 0);
  assert.deepEqual(figures.upTo(0), { bytes: 0, copies: 0, unsure: 0 });
  figures.lose(2, { isUnsure: true });
  assert.deepEqual(figures.upTo(1), { bytes: 10, copies: 1, unsure: 0 });
  assert.deepEqual(figures.upTo(3), { bytes: 40, copies: 1, unsure: 1 });
});

Deno.test("SentFigures: a message for one queue that is rejected is nowhere", () => {
  const figures = new SentFigures(4);
  figures.add(10, 1);
  figures.add(10, 2);
  figures.lose(1, { isUnsure: true });
  figures.lose(2, { isUnsure: false });
  assert.deepEqual(figures.upTo(2), { bytes: 0, copies: 0, unsure: 0 });
});

Deno.test("SentFigures adds up however long a run is", () => {
  const message = fc.record({
    bytes: fc.nat(1000),
    copies: fc.nat(5),
    isLost: fc.boolean(),
  });
  fc.assert(fc.property(
    fc.array(message, { maxLength: 200 }),
    fc.integer({ min: 1, max: 20 }),
    (messages, window) => {
      const figures = new SentFigures(window);
      let asked = 0;
      const expected = { bytes: 0, copies: 0 };
      for (const [index, { bytes, copies, isLost }] of messages.entries()) {
        const place = index + 1;
        figures.add(bytes, copies);
        if (isLost) figures.lose(place, { isUnsure: false });
        else {
          expected.bytes += bytes;
          expected.copies += copies;
        }
        if (place - asked < window && place < messages.length) continue;
        asked = place;
        assert.deepEqual(figures.upTo(place), { ...expected, unsure: 0 });
      }
    },
  ));
});
