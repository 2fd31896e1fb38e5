import assert from "node:assert/strict";
import { assertOffsetNames, type OffsetQueue, offsetWindows, windowOf } from "./offset_windows.ts";

const queue = (vhost: string, name: string, queue_type = "stream"): OffsetQueue => ({
  ...{ vhost, name, queue_type },
  segments: [],
});
const SEVEN = { first: 7, last: 7 };
const EIGHT = { first: 8, last: 8 };

Deno.test("a name with its vhost counts before one without", () => {
  const windows = offsetWindows({ orders: "7..7", "eu/orders": "8..8" });
  assert.deepEqual(windowOf(windows, queue("/", "orders")), SEVEN);
  assert.deepEqual(windowOf(windows, queue("eu", "orders")), EIGHT);
  assert.equal(windowOf(windows, queue("eu", "bills")), undefined);
  assert.deepEqual(windowOf(offsetWindows({ "//orders": "7..7" }), queue("/", "orders")), SEVEN);
  assertOffsetNames(windows, [queue("/", "orders"), queue("eu", "orders"), queue("eu", "bills")]);
});

Deno.test("offsets are of one stream, or the restore says what they are not of", () => {
  const check = (written: Record<string, string>, entries: OffsetQueue[]) => () =>
    assertOffsetNames(offsetWindows(written), entries);
  const usage = (message: RegExp) => ({ code: "usage", message });
  assert.throws(
    check({ orders: "7.." }, [queue("/", "orders"), queue("eu", "orders")]),
    usage(
      /"orders": offsets are of one stream, and 2 are meant: "orders", "orders" \(vhost "eu"\)/,
    ),
  );
  assert.throws(
    check({ order: "7.." }, [queue("/", "orders")]),
    usage(/no queue that is restored has that name/),
  );
  assert.throws(
    check({ orders: "7.." }, [queue("/", "orders", "quorum")]),
    usage(/it is a quorum queue, whose messages have no offsets/),
  );
  const { segments: _, ...old } = queue("/", "orders");
  assert.throws(
    check({ orders: "7.." }, [{ ...old, segments: [{ key: "k" }] as never }]),
    usage(/in the format of an earlier tool, has no offsets/),
  );
  // What bears the name and has no offsets is not meant.
  check({ orders: "7.." }, [queue("/", "orders"), queue("eu", "orders", "classic")])();
});
