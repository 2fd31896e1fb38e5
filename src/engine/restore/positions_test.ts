import assert from "node:assert/strict";
import fc from "fast-check";
import { Positions, UndeliveredRecords } from "./positions.ts";

Deno.test("positions: records and messages agree, whatever is passed over and forgotten", () => {
  const records = fc.array(fc.boolean(), { maxLength: 40 });
  fc.assert(fc.property(fc.nat(100), records, fc.array(fc.nat(40)), (start, published, forgets) => {
    const positions = new Positions(start);
    /** Record by message; what is at 0 stands for the start. */
    const recordOf = [start];
    const doneWith = [start];
    for (const [index, isPublished] of published.entries()) {
      const record = start + index + 1;
      if (isPublished) {
        recordOf.push(record);
        doneWith.push(record);
      } else {
        positions.passOver(recordOf.length - 1);
        doneWith[doneWith.length - 1] = record;
      }
    }
    let from = 0;
    for (const forget of [0, ...forgets.toSorted((a, b) => a - b)]) {
      from = Math.min(forget, recordOf.length - 1);
      positions.forget(from);
      for (let message = from; message < recordOf.length; message++) {
        assert.equal(positions.doneWith(message), doneWith[message]);
        if (message > from) assert.equal(positions.recordOf(message), recordOf[message]);
      }
    }
  }));
});

Deno.test("undelivered records: in ranges up to a place, the later ones kept", () => {
  const records = new UndeliveredRecords();
  assert.deepEqual(records.take(100), []);
  for (const record of [7, 3, 4, 9, 5, 12]) records.add(record);
  assert.deepEqual(records.take(9), [
    { first: 3, last: 5 },
    { first: 7, last: 7 },
    { first: 9, last: 9 },
  ]);
  assert.equal(records.count, 6);
  assert.equal(records.drop(), 1);
  assert.equal(records.count, 5);
  assert.deepEqual(records.take(100), []);
});
