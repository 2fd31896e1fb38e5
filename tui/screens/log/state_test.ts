import assert from "node:assert/strict";
import { LogBook } from "../../app/log_book.ts";
import { currentRow } from "../../components/picker.ts";
import { NOW } from "../../testing/samples.ts";
import { screenArea } from "../../app/frame.tsx";
import {
  plainFrame,
  quietNavigator,
  renderNavigator,
  stillScreen,
} from "../../testing/render_frame.tsx";
import { themeOf } from "../../theme/theme.ts";
import { openLog } from "./screen.tsx";
import { NO_LOG, reduceLog } from "./state.ts";

const page = 10;

function bookOf(...texts: string[]): LogBook {
  const book = new LogBook(() => NOW);
  for (const text of texts) book.add({ kind: "step", text });
  return book;
}

const current = (state: typeof NO_LOG) => currentRow(state)?.entry.text;

Deno.test("the cursor follows what happens, unless it was moved away", () => {
  const book = bookOf("a", "b", "c");
  let state = reduceLog(NO_LOG, { type: "entries", entries: book.entries });
  assert.equal(current(state), "c");
  book.add({ kind: "step", text: "d" });
  state = reduceLog(state, { type: "entries", entries: book.entries });
  assert.equal(current(state), "d");
  state = reduceLog(state, { type: "pick", action: { type: "move", command: "first", page } });
  book.add({ kind: "step", text: "e" });
  state = reduceLog(state, { type: "entries", entries: book.entries });
  assert.equal(current(state), "a");
});

Deno.test("the log that is opened again stands at what happened last", () => {
  const book = bookOf("first line", "line", "line");
  const navigator = quietNavigator();
  navigator.open(stillScreen({ title: "Start", render: () => null }));
  const screen = openLog(book);
  const size = { columns: 80, rows: 24 };
  const seen = () => plainFrame(renderNavigator(navigator, size));
  navigator.open(screen);
  assert.doesNotMatch(seen(), /› .*first line/);
  screen.press("first", screenArea(size, themeOf({ color: false, unicode: true })));
  assert.match(seen(), /› .*first line/);
  navigator.back();
  book.add({ kind: "step", text: "newest line" });
  navigator.open(screen);
  assert.match(seen(), /› .*newest line/);
  navigator.close();
});

Deno.test("the filter takes kinds and words", () => {
  const book = bookOf("one");
  book.add({ kind: "warning", text: "two" });
  const all = reduceLog(NO_LOG, { type: "entries", entries: book.entries });
  const shown = (text: string) =>
    reduceLog(all, { type: "pick", action: { type: "typeFilter", text } }).shown
      .map(({ entry }) => entry.text);
  assert.deepEqual(shown("warning"), ["two"]);
  assert.deepEqual(shown("!two"), ["one"]);
});

Deno.test("the engine's events become entries, but for statuses; what fails on and on is one", () => {
  const book = new LogBook(() => NOW);
  const figures = {
    type: "queue_done",
    operation: "backup",
    vhost: "/",
    queueType: "classic",
    seconds: 2,
    bytes: 1,
  } as const;
  book.addEvent({ type: "step", message: "Looking" });
  book.addEvent(
    {
      ...figures,
      queue: "a",
      outcome: "ok",
      messages: 3,
      holdSeconds: 1,
    },
  );
  book.addEvent(
    {
      ...figures,
      queue: "b",
      outcome: "failed",
      messages: 0,
      reason: "no",
      hint: "do",
    },
  );
  book.addFailure("Cannot x", undefined);
  book.addFailure("Cannot x", undefined);
  assert.deepEqual(book.entries.map(({ kind, text }) => `${kind}: ${text}`), [
    "step: Looking",
    "queue: a done: 3 messages, in 2.0 s, held for 1.0 s",
    "failed: b FAILED (no)",
    "failed: Cannot x",
  ]);
  assert.equal(book.entries[2]?.hint, "do");
});

Deno.test("the log does not grow without end", () => {
  const book = bookOf(...Array.from({ length: 6_000 }, (_, at) => `line ${at}`));
  assert.ok(book.entries.length <= 5_500);
  assert.equal(book.entries.at(-1)?.text, "line 5999");
});
