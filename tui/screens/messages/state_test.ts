import assert from "node:assert/strict";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import { messagesSample, searchSample } from "../../testing/restore_samples.ts";
import {
  countOf,
  currentMessage,
  messageAt,
  type MessagesAction,
  type MessagesState,
  missingFrom,
  MOST_FOUND,
  neighbour,
  reduceMessages,
} from "./state.ts";

const page = 10;
const after = (state: MessagesState, ...actions: MessagesAction[]) =>
  actions.reduce(reduceMessages, state);
const some = messagesSample().rows[0]!;
const rows = (from: number, count: number): StoredMessage[] =>
  Array.from({ length: count }, (_, index) => ({ ...some, number: from + index }));

Deno.test("what is seen and not read yet is read, with some before it", () => {
  const first = messagesSample();
  assert.equal(missingFrom(first, page), undefined);
  const last = after(first, { type: "move", command: "last", page });
  assert.equal(messageAt(last, 19_999), undefined);
  const from = missingFrom(last, page)!;
  assert.ok(from < 19_991 && from > 19_700);
  const read = after(last, { type: "read", rows: rows(from, 20_001 - from) });
  assert.equal(missingFrom(read, page), undefined);
  assert.equal(currentMessage(read)!.number, 20_000);
});

Deno.test("a search shows what it finds, and its end leads back to all messages", () => {
  const found = searchSample();
  assert.equal(countOf(found), 3);
  assert.equal(missingFrom(found, page), undefined);
  const second = after(found, { type: "move", command: "down", page });
  assert.equal(currentMessage(second)!.number, 6);
  const all = after(second, { type: "dropSearch" });
  assert.deepEqual([countOf(all), currentMessage(all)!.number], [20_000, 6]);
});

Deno.test("a search keeps only so many, and what comes late changes nothing", () => {
  const part = { looked: 9_000, found: rows(1, MOST_FOUND + 5) };
  const full = after(searchSample(), { type: "looked", part });
  assert.equal(full.search!.found.length, MOST_FOUND);
  const dropped = after(full, { type: "dropSearch" });
  assert.equal(after(dropped, { type: "looked", part }, { type: "searched" }).search, undefined);
});

Deno.test("an empty search is none, and one that is not begun leaves the list as it is", () => {
  const typed = after(searchSample(), { type: "editSearch" }, { type: "clear" });
  assert.equal(after(typed, { type: "startSearch" }).search, undefined);
  const kept = after(typed, { type: "typeSearch", text: "x" }, { type: "cancelSearch" });
  assert.deepEqual([kept.typed, kept.search?.text], [undefined, "order.paid"]);
});

Deno.test("the message behind another one is the next of the list", () => {
  const all = messagesSample();
  assert.deepEqual([neighbour(all, 1, -1), neighbour(all, 1, 1)], [undefined, 2]);
  assert.equal(neighbour(all, 20_000, 1), undefined);
  const found = searchSample();
  assert.deepEqual([neighbour(found, 3, 1), neighbour(found, 9, 1)], [6, undefined]);
  const there = after(found, { type: "goTo", number: 9, page });
  assert.equal(currentMessage(there)!.number, 9);
});
