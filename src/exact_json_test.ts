import assert from "node:assert/strict";
import fc from "fast-check";
import { isRawNumber, parseExactJson } from "./exact_json.ts";

Deno.test("parseExactJson: every number is written again as it was", () => {
  for (
    const text of [
      "[0,1,-1,2.5,1e+21,0.1]",
      "[9223372036854775807,-9223372036854775808,18446744073709551615]",
      "[1.0,-0,0.0,1.10,1e3,1E-7,123456789012345678901234567890.5]",
      '{"a":{"b":[9007199254740993]},"1":1.0}',
    ]
  ) {
    const keyed = text.startsWith("{") ? '{"1":1.0,"a":{"b":[9007199254740993]}}' : text;
    assert.equal(JSON.stringify(parseExactJson(text)), keyed);
  }
});

Deno.test("parseExactJson: what JavaScript can hold is what JSON.parse gives", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const plain = JSON.stringify(JSON.parse(text));
      fc.pre(!/\d{16}|e\+/.test(plain));
      assert.deepEqual(parseExactJson(plain), JSON.parse(plain));
    }),
  );
});

Deno.test("parseExactJson: any 64-bit integer keeps its digits", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }), (integer) => {
      const [value] = parseExactJson(`[${integer}]`) as [unknown];
      assert.equal(JSON.stringify(value), String(integer));
      assert.equal(isRawNumber(value), !Number.isSafeInteger(Number(integer)));
    }),
    { examples: [[2n ** 53n], [2n ** 53n + 1n], [0n]] },
  );
});

Deno.test("isRawNumber: nothing else is one", () => {
  for (const value of [1, "1", null, undefined, { rawJSON: "1" }, [1]]) {
    assert.equal(isRawNumber(value), false);
  }
});
