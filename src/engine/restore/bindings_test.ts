import assert from "node:assert/strict";
import { parseExactJson } from "../../exact_json.ts";
import { typedTable } from "./bindings.ts";

Deno.test("typedTable: every value of a binding's arguments in a type that holds it", () => {
  const table = parseExactJson(`{
    "x-match": "all", "flag": true, "none": null, "void": "undefined", "int": -2147483648, "more": 2147483648,
    "long": 9223372036854775807, "half": 0.5, "whole": 2.0, "list": [1, "a"], "table": {"n": 1}
  }`);
  const one = { "!": "int", value: 1 };
  assert.deepEqual(typedTable(table), {
    "x-match": "all",
    flag: true,
    none: null,
    void: null,
    int: { "!": "int", value: -2147483648 },
    more: { "!": "long", value: 2147483648 },
    long: { "!": "long", value: 9223372036854775807n },
    half: { "!": "double", value: 0.5 },
    whole: { "!": "double", value: 2 },
    list: [one, "a"],
    table: { n: one },
  });
  for (const empty of [undefined, null, []]) assert.deepEqual(typedTable(empty), {});
});
