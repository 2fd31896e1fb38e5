import assert from "node:assert/strict";
import { parseExactJson } from "../../../exact_json.ts";
import type { FieldTable, FieldValue } from "../../../message/field_table.ts";
import { typedTable } from "../bindings.ts";
import { headersMatch } from "./headers_match.ts";
import { defaultBinding, type RoutedBinding, type RoutedExchange, Router } from "./router.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const table = (entries: Record<string, FieldValue>): FieldTable =>
  Object.entries(entries).map(([name, value]) => [bytes(name), value]);

const text = (value: string): FieldValue => ({ tag: "S", value: bytes(value) });
const int = (value: number): FieldValue => ({ tag: "I", value });

Deno.test("headers: all, any, and what begins with x-", () => {
  const held = table({
    a: text("1"),
    n: int(5),
    "x-own": text("seen"),
    big: { tag: "l", value: 2n ** 60n },
  });
  const cases: [args: string, expected: boolean | undefined][] = [
    ["{}", true],
    ['{"x-match":"any"}', false],
    ['{"a":"1","n":5}', true],
    ['{"a":"1","n":6}', false],
    ['{"x-match":"any","a":"2","n":5}', true],
    ['{"a":1}', false],
    ['{"n":5.0}', false],
    ['{"big":1152921504606846976}', true],
    ['{"a":null}', true],
    ['{"missing":null}', false],
    ['{"a":"undefined"}', true], // as brokers write a void
    ['{"x-own":"other"}', true],
    ['{"x-match":"all-with-x","x-own":"other"}', false],
    ['{"x-match":"any-with-x","x-own":"seen"}', true],
    ['{"a":["1"]}', undefined],
    ['{"a":["1"],"n":6}', false],
  ];
  for (const [json, expected] of cases) {
    const args = parseExactJson(json) as Record<string, unknown>;
    assert.equal(headersMatch(args, held), expected, json);
    // As they are given to amqplib for a binding that a restore makes.
    assert.equal(headersMatch(typedTable(args), held), expected, json);
  }
});

Deno.test("headers: tables, lists, times and decimals in a message are not compared", () => {
  const held = table({ list: { tag: "A", value: [] }, when: { tag: "T", value: 5n } });
  assert.equal(headersMatch({ list: "x" }, held), undefined);
  assert.equal(headersMatch({ when: 5 }, held), undefined);
  assert.equal(headersMatch({ when: null }, held), true);
});

const exchange = (name: string, type: string, more: Partial<RoutedExchange> = {}) => ({
  name,
  type,
  internal: false,
  ...more,
});
const bind = (source: string, to: string, more: Partial<RoutedBinding> = {}): RoutedBinding => ({
  source,
  destination: to,
  toQueue: true,
  routingKey: "",
  arguments: {},
  ...more,
});
const route = (router: Router, exchange: string, ...keys: string[]) =>
  router.route({ exchange, keys, headers: () => table({ n: int(1) }) })?.toSorted();

Deno.test("router: a queue gets one copy, over however many ways, and rings end", () => {
  const router = new Router(
    [exchange("in", "direct"), exchange("all", "fanout"), exchange("ring", "fanout")],
    [
      bind("in", "a", { routingKey: "k" }),
      bind("in", "a", { routingKey: "k2" }),
      bind("in", "all", { routingKey: "k", toQueue: false }),
      bind("all", "a"),
      bind("all", "b"),
      bind("all", "ring", { toQueue: false }),
      bind("ring", "all", { toQueue: false }),
      bind("ring", "in", { toQueue: false }),
      bind("ring", "c"),
    ],
  );
  assert.deepEqual(route(router, "in", "k"), ["a", "b", "c"]);
  assert.deepEqual(route(router, "in", "k2"), ["a"]);
  assert.deepEqual(route(router, "in", "k", "k2"), ["a", "b", "c"]);
  assert.deepEqual(route(router, "in", "other"), []);
});

Deno.test("router: alternate exchanges get what has no binding, one after the other", () => {
  const router = new Router(
    [
      exchange("first", "direct", { alternate: "second" }),
      exchange("second", "topic", { alternate: "third" }),
      exchange("third", "fanout", { alternate: "gone" }),
      exchange("lost", "direct", { alternate: "gone" }),
      exchange("default", "direct", { alternate: "" }),
      exchange("", "direct"),
    ],
    [
      defaultBinding("queue"),
      bind("first", "a", { routingKey: "a" }),
      bind("second", "b", { routingKey: "b.#" }),
      bind("third", "c"),
    ],
  );
  assert.deepEqual(route(router, "first", "a"), ["a"]);
  assert.deepEqual(route(router, "first", "b.x"), ["b"]);
  assert.deepEqual(route(router, "first", "x"), ["c"]);
  assert.deepEqual(route(router, "lost", "x"), []);
  assert.deepEqual(route(router, "default", "queue"), []);
});

Deno.test("router: the default exchange leads to the queue of each key's name", () => {
  const router = new Router(
    [exchange("", "direct")],
    [defaultBinding("a"), defaultBinding("b")],
  );
  assert.deepEqual(route(router, "", "a"), ["a"]);
  assert.deepEqual(route(router, "", "a", "b", "gone"), ["a", "b"]);
  assert.deepEqual(route(router, "", "gone"), []);
});

Deno.test("router: what bindings do not tell is not known", () => {
  const router = new Router(
    [exchange("hash", "x-consistent-hash"), exchange("in", "fanout"), exchange("heads", "headers")],
    [
      bind("hash", "a", { routingKey: "1" }),
      bind("in", "hash", { toQueue: false }),
      bind("heads", "a", { arguments: { n: 1 } }),
      bind("heads", "b", { arguments: { n: 2 } }),
    ],
  );
  assert.equal(route(router, "hash", "k"), undefined);
  assert.equal(route(router, "in", "k"), undefined);
  assert.equal(route(router, "not there", "k"), undefined);
  assert.deepEqual(route(router, "heads", ""), ["a"]);
});

Deno.test("router: where headers take part, no answer is taken for that of other headers", () => {
  const router = new Router(
    [exchange("in", "fanout"), exchange("heads", "headers")],
    [
      bind("in", "heads", { toQueue: false }),
      bind("heads", "a", { arguments: { n: 1 } }),
      bind("heads", "b", { arguments: { n: 2 } }),
    ],
  );
  for (const [n, queue] of [[1, "a"], [2, "b"], [1, "a"]] as const) {
    const message = { exchange: "in", keys: ["k"], headers: () => table({ n: int(n) }) };
    assert.deepEqual(router.route(message), [queue]);
  }
});
