import assert from "node:assert/strict";
import fc from "fast-check";
import type { MoveCommand } from "../app/keys.ts";
import { compileFilter } from "./filter.ts";
import { AT_TOP, type ListCursor, moved, visible } from "./list_cursor.ts";
import { bar, sparkline } from "./meter.ts";
import { span } from "./line.tsx";
import { scrolledTop } from "./text_lines.tsx";
import { placeColumns } from "./table_layout.ts";
import { erased } from "./text_field.ts";
import { themeOf } from "../theme/theme.ts";

const { glyphs } = themeOf({ color: false, unicode: false });
const move = fc.constantFrom<MoveCommand>("up", "down", "pageUp", "pageDown", "first", "last");

Deno.test("a list's cursor stays in the list and in sight, however it moves and whatever is resized", () => {
  const steps = fc.array(fc.tuple(move, fc.integer({ min: 1, max: 30 })), { maxLength: 40 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), steps, (count, all) => {
    let cursor: ListCursor = AT_TOP;
    for (const [command, page] of all) {
      cursor = moved(cursor, command, { count, page });
      const { from, to } = visible(cursor, { count, page });
      assert.ok(cursor.index >= from && cursor.index < to);
      assert.ok(from >= 0 && to <= count && to - from === Math.min(page, count));
    }
  }));
});

Deno.test("a list scrolls only when the cursor would leave the page", () => {
  const size = { count: 10, page: 3 };
  let cursor = AT_TOP;
  const tops = (["down", "down", "down", "up", "up", "up"] as const).map((command) => {
    cursor = moved(cursor, command, size);
    return cursor.top;
  });
  assert.deepEqual(tops, [0, 0, 1, 1, 1, 0]);
});

Deno.test("an empty list has nowhere to go", () => {
  assert.deepEqual(moved(AT_TOP, "last", { count: 0, page: 5 }), AT_TOP);
  assert.deepEqual(visible(AT_TOP, { count: 0, page: 5 }), { from: 0, to: 0 });
});

Deno.test("a filter takes words, without some, or letters in order", () => {
  const matches = (filter: string, text: string) => compileFilter(filter)(text);
  assert.ok(matches("", "orders"));
  assert.ok(matches("ORD", "/ orders classic"));
  assert.ok(!matches("ord quorum", "/ orders classic"));
  assert.ok(matches("ord !dead", "/ orders classic"));
  assert.ok(!matches("ord !dead", "/ orders.dead classic"));
  assert.ok(!matches("odc", "/ orders classic"));
  assert.ok(matches("-f odc", "/ orders classic"));
  assert.ok(!matches("-f !odc", "/ orders classic"));
  // Halfway through typing it.
  assert.ok(matches("!", "orders") && matches("-f", "a -f b"));
});

Deno.test("a bar is full only when all is done", () => {
  const text = (fraction: number) => bar(fraction, 4, glyphs).map(({ text }) => text).join("");
  assert.deepEqual([-1, 0, 0.5, 0.99, 1, 2].map(text), [
    "....",
    "....",
    "##..",
    "###.",
    "####",
    "####",
  ]);
});

Deno.test("a sparkline shows the last values, the highest as high as there is", () => {
  assert.equal(sparkline([5, 0, 50, 100], 3, glyphs), "_=#");
  assert.equal(sparkline([1], 3, glyphs), "  #");
  assert.equal(sparkline([], 3, glyphs), "   ");
});

Deno.test("columns that matter least go first where room is short", () => {
  const column = (title: string, width: number | "fill", rank?: number) => ({
    title,
    width,
    ...rank === undefined ? {} : { rank },
    cell: () => span(""),
  });
  const all = [column("NAME", "fill"), column("A", 10, 2), column("B", 10), column("C", 10, 1)];
  const placed = (room: number) =>
    placeColumns(all, room).map(({ title, columns }) => `${title} ${columns}`);
  assert.deepEqual(placed(80), ["NAME 44", "A 10", "B 10", "C 10"]);
  assert.deepEqual(placed(59), ["NAME 35", "A 10", "B 10"]);
  assert.deepEqual(placed(36), ["NAME 24", "B 10"]);
  assert.deepEqual(placed(10), ["NAME 8", "B 10"]);
});

Deno.test("a field loses a character, a word, or all", () => {
  assert.equal(erased("orders 🦊", "erase"), "orders ");
  assert.equal(erased("orders.dead -f two  ", "eraseWord"), "orders.dead -f ");
  assert.equal(erased("   ", "eraseWord"), "");
  assert.equal(erased("", "eraseWord"), "");
  assert.equal(erased("a b", "clear"), "");
});

Deno.test("text scrolls until its last line is seen, wrapped lines and all", () => {
  const area = { columns: 12, rows: 4, theme: themeOf({ color: false, unicode: true }) };
  const lines = ["a", "b", "c".repeat(25), "d", "e"]; // the third takes three rows of ten
  const top = (from: number, command: MoveCommand) => scrolledTop(from, command, { lines, area });
  assert.equal(top(0, "last"), 3);
  assert.equal(top(0, "down"), 1);
  assert.equal(top(3, "down"), 3);
  assert.equal(top(3, "first"), 0);
  assert.equal(scrolledTop(0, "last", { lines: lines.slice(0, 2), area }), 0);
});
