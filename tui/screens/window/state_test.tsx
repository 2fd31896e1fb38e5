import assert from "node:assert/strict";
import { NOW } from "../../testing/samples.ts";
import { WINDOW_ENTRIES, windowSample } from "../../testing/restore_samples.ts";
import { plainFrame, renderFrame, stillScreen } from "../../testing/render_frame.tsx";
import { WindowView } from "./view.tsx";
import {
  figuresOf,
  fixedWindowOf,
  problemOf,
  reduceWindow,
  type WindowAction,
  windowOf,
  type WindowState,
  windowState,
} from "./state.ts";

const now = NOW.getTime();
const after = (state: WindowState, ...actions: WindowAction[]) =>
  actions.reduce(reduceWindow, state);
const opened = (text = "") =>
  after(windowState(text, now), { type: "read", entries: WINDOW_ENTRIES, field: "backed_up_at" });
const move = (by: number) => ({ type: "move", by, parts: 100 }) as const;

Deno.test("a window that was written is the same when nothing is changed", () => {
  for (const text of ["", "-2h ..", ".. -1h", "-2h .. now", "2025-03-03T02:00:00Z .. -1d"]) {
    assert.equal(windowOf(opened(text)), text);
  }
});

Deno.test("arrows move an end by a part of what is seen, and the figures follow", () => {
  const { total } = figuresOf(opened());
  const view = opened().view!;
  const step = (view.to + 1 - view.from) / 100;
  const later = after(opened(), move(50));
  const seconds = (ms: number) => Math.round(ms / 1000) * 1000;
  assert.equal(later.start!.at, seconds(view.from + 50 * step));
  assert.equal(windowOf(later), "2025-03-03T03:00:00Z ..");
  const figures = figuresOf(later);
  assert.ok(figures.atMost < total && figures.atMost >= figures.atLeast && figures.atMost > 0);
  const both = after(later, { type: "otherEdge" }, move(-10));
  assert.equal(both.end!.at, seconds(view.to - 10 * step));
  assert.ok(figuresOf(both).atMost <= figures.atMost);
  assert.equal(windowOf(after(both, { type: "openEdge" })), windowOf(later));
});

Deno.test("an end that leaves what is seen takes it along", () => {
  const { view } = opened();
  const far = after(opened(), move(-30));
  assert.equal(far.view!.from, far.start!.at);
  assert.equal(far.view!.to - far.view!.from, view!.to - view!.from);
});

Deno.test("what is seen gets shorter around the end that is moved, and all again", () => {
  const all = opened().view!;
  const close = after(opened(), move(20), { type: "zoomIn" }, { type: "zoomIn" });
  const length = close.view!.to - close.view!.from;
  assert.ok(Math.abs(length - (all.to - all.from) / 4) < 3);
  assert.ok(close.start!.at >= close.view!.from && close.start!.at <= close.view!.to);
  const out = after(close, { type: "zoomOut" }, { type: "zoomOut" }, { type: "zoomOut" });
  assert.deepEqual(out.view, all);
});

Deno.test("times are typed, and what cannot be read stays typed and says why", () => {
  const typed = after(opened("-2h .."), { type: "edit" }, { type: "clear" }, {
    type: "type",
    text: "yesterday",
  }, { type: "type", text: " 14:00 .. -1m" });
  assert.equal(windowOf(typed), "-2h ..");
  const kept = after(typed, { type: "keepTyped" });
  assert.deepEqual([windowOf(kept), kept.typed], ["yesterday 14:00 .. -1m", undefined]);
  assert.equal(kept.end!.at, now - 60_000);
  assert.match(fixedWindowOf(kept), /^2025-03-03T.*Z \.\. 2025-03-04T05:05:07Z$/);
  const wrong = after(typed, { type: "type", text: "onths" }, { type: "keepTyped" });
  assert.match(problemOf(wrong)!, /expected epoch milliseconds/);
  assert.match(wrong.typed!, /months$/);
  assert.equal(windowOf(after(wrong, { type: "dropTyped" })), "-2h ..");
});

Deno.test("what follows a second .. is refused, and a time as the screen prints it is taken", () => {
  const typed = (text: string) =>
    after(opened(), { type: "edit" }, { type: "type", text }, { type: "keepTyped" });
  assert.match(problemOf(typed("-2h .. -1h .. nonsense"))!, /one "\.\."/);
  const printed = typed("2025-03-03 02:00:00 UTC .. 2025-03-03 02:30:00.250 UTC");
  assert.equal(problemOf(printed), undefined);
  assert.equal(printed.start!.at, Date.parse("2025-03-03T02:00:00Z"));
  assert.equal(printed.end!.at, Date.parse("2025-03-03T02:30:00.250Z"));
});

Deno.test("of timestamps no timeline is drawn, and how many it takes is not known", () => {
  const state = after(opened("-2h .."), { type: "otherField" });
  assert.equal(state.field, "timestamp");
  const { atLeast, atMost } = figuresOf(state);
  assert.deepEqual([atLeast, atMost], [0, figuresOf(opened()).atMost]);
  const screen = stillScreen({
    title: "Time",
    render: (area) => <WindowView state={state} area={area} />,
  });
  const frame = plainFrame(renderFrame([screen], { columns: 80, rows: 24 }));
  assert.match(frame, /by their own timestamp[^]*Not known beforehand how many of 68,000 messages/);
  assert.doesNotMatch(frame, /[█▁▂▃▄▅▆▇]/);
  assert.equal(after(state, { type: "otherField" }).field, "backed_up_at");
});

Deno.test("a window that ends before it starts says so", () => {
  assert.equal(problemOf(opened("-1h .. -2h")), "it ends before it starts");
  assert.equal(problemOf(windowSample()), undefined);
});
