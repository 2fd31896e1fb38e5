import assert from "node:assert/strict";
import { resolve } from "node:path";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import {
  checkKey,
  type Compression,
  definitionsKey,
  manifestKey,
  queueFolder,
  segmentKey,
  segmentKeyV1,
} from "./layout.ts";

/** Names a broker accepts, with a bias to what breaks paths. */
const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }).filter((text) => text.isWellFormed()),
  fc.string({ unit: fc.constantFrom(..."abAB.-_/\\%\0 é\u0301\u202e"), maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567-"), maxLength: 70 }),
  fc.constantFrom(
    ...[
      "",
      "/",
      ".",
      "..",
      "_default",
      "con",
      "CON",
      "nul.txt",
      "a.",
      "a ",
      "r/../../x",
      "a/b%2Fc",
    ],
    ...["queues", "manifest.json", "K", "\u212a", "ß", "ẞ", "x".repeat(255), "é", "e\u0301"],
  ),
);

/** What a file system that ignores case and normalises makes of a key. */
const folded = (key: string) => [key.normalize("NFC"), key.normalize("NFD")].map(lower).join();
const lower = (key: string) => key.toLowerCase().toUpperCase().toLowerCase();

Deno.test("layout: plain names stand as they are, others get a readable prefix and a hash", () => {
  assert.equal(manifestKey("b1"), "b1/manifest.json");
  assert.equal(definitionsKey("b1", "lz4"), "b1/definitions/definitions.json.lz4");
  assert.equal(
    segmentKey("b1", "/", "orders.eu-1", 1, "zstd"),
    "b1/queues/_default/orders.eu-1/segment-0001.zst",
  );
  assert.equal(segmentKey("b1", "v", "q", 12345, "none"), "b1/queues/v/q/segment-12345");
  assert.equal(
    queueFolder("b1", "Prod", "Orders/New é"),
    "b1/queues/prod-l5ldlhxrspahmscn3wbibsipl3hlvasr/orders_new_-3zq5f5tm2hvcu6lwx7aa4fwbxkiwd2wf",
  );
});

Deno.test("layout: no two queues share a folder, whatever the file system does with names", () => {
  const pair = fc.tuple(name, name);
  fc.assert(
    fc.property(pair, pair, ([vhostA, queueA], [vhostB, queueB]) => {
      const a = queueFolder("b", vhostA, queueA);
      const b = queueFolder("b", vhostB, queueB);
      const same = vhostA === vhostB && queueA === queueB;
      assert.equal(folded(a) === folded(b), same);
      assert.equal(folded(a).startsWith(folded(b) + "/"), false);
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("layout: a name that looks like another's hash is hashed itself", () => {
  const [, , , hashed] = queueFolder("b", "v", "Orders").split("/");
  assert.notEqual(queueFolder("b", "v", hashed!), queueFolder("b", "v", "Orders"));
});

Deno.test("layout: keys are short ASCII below the backup, on every system", () => {
  fc.assert(
    fc.property(name, name, fc.integer({ min: 1, max: 99_999 }), (vhost, queue, sequence) => {
      const key = segmentKey("b-1", vhost, queue, sequence, "zstd");
      assert.match(key, /^b-1\/queues\/[a-z0-9._-]+\/[a-z0-9._-]+\/segment-\d{4,5}\.zst$/);
      assert.ok(resolve("/root", key).startsWith("/root/b-1/queues/"));
      assert.equal(resolve("/root", key), `/root/${key}`);
      for (const component of key.split("/")) {
        assert.ok(component.length <= 120, component);
        assert.doesNotMatch(component, /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|\.$|^[-.]/i);
      }
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("layout: names that are no Unicode and ids that are no file names are refused", () => {
  assert.throws(() => queueFolder("b", "v", "\ud800"), { code: "refused" });
  for (const id of ["", ".", "..", "a/b", "a\\b", "-a", "a.", "nul", "é", "a\0", "a".repeat(129)]) {
    assert.throws(() => manifestKey(id), { code: "usage" }, id);
  }
});

Deno.test("checkKey: version 2 accepts the recomputed key and no other", () => {
  fc.assert(fc.property(
    name,
    name,
    fc.constantFrom<Compression>("zstd", "lz4", "none"),
    fc.nat(9),
    (vhost, queue, compression, change) => {
      const key = segmentKey("b", vhost, queue, 3, compression);
      assert.equal(checkKey(key, "b", vhost, queue, 3, 2), compression);
      const wrong = key.slice(0, change) + "!" + key.slice(change);
      for (
        const other of [wrong, `/${key}`, `../${key}`, segmentKey("c", vhost, queue, 3, "lz4")]
      ) {
        assert.throws(() => checkKey(other, "b", vhost, queue, 3, 2), { code: "damaged" }, other);
      }
      assert.throws(() => checkKey(key, "b", vhost, queue, 4, 2), { code: "damaged" });
    },
  ));
});

Deno.test("checkKey: version 1 keys hold names as they are, and never lead outside", () => {
  const check = (key: string, vhost: string, queue: string) =>
    checkKey(key, "b", vhost, queue, 1, 1);
  assert.equal(check("b/queues/_default/Orders/segment-0001.zst", "/", "Orders"), "zstd");
  assert.equal(check("b/queues/fx/fx/odd name é/segment-0001", "fx", "fx/odd name é"), "none");
  for (const queue of ["..", ".", "", "a/../../../x", "/etc", "a\\..\\b", "a//b", "a\0"]) {
    const key = `b/queues/v/${queue}/segment-0001.lz4`;
    assert.throws(() => check(key, "v", queue), isDamaged, key);
  }
  assert.throws(() => check("b/queues/v/other/segment-0001", "v", "q"), /belongs there/);
});

Deno.test("segmentKeyV1: safe names as the earlier tool has them, others refused", () => {
  assert.equal(
    segmentKeyV1("b", "/", "fx.classic", 2, "lz4"),
    "b/queues/_default/fx.classic/segment-0002.lz4",
  );
  for (
    const queue of ["..", ".", "a/b", "a\\b", "", "CON", "a.", " a", "é", "a\n", "x".repeat(201)]
  ) {
    assert.throws(() => segmentKeyV1("b", "v", queue, 1, "none"), { code: "refused" }, queue);
  }
  assert.throws(() => segmentKeyV1("b", "_default", "q", 1, "none"), { code: "refused" });
  fc.assert(fc.property(name, name, (vhost, queue) => {
    let key: string;
    try {
      key = segmentKeyV1("b", vhost, queue, 1, "zstd");
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === "refused");
      return;
    }
    assert.equal(resolve("/root", key), `/root/${key}`);
    assert.equal(key.split("/").length, 5);
    assert.equal(checkKey(key, "b", vhost, queue, 1, 1), "zstd");
  }));
});

function isDamaged(error: unknown): boolean {
  return error instanceof AppError && error.code === "damaged";
}
