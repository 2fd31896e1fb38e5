import assert from "node:assert/strict";
import { paint, styleOf } from "./style.ts";

function style(env: Record<string, string>, isTerminal = true, colorWanted = true) {
  return styleOf({ isTerminal, colorWanted, env: (name) => env[name] });
}

Deno.test("styleOf() colours terminals only, and obeys those who want none", () => {
  assert.equal(style({}).color, true);
  assert.equal(style({}, false).color, false);
  assert.equal(style({ NO_COLOR: "1" }).color, false);
  assert.equal(style({ NO_COLOR: "" }).color, true);
  assert.equal(style({ TERM: "dumb" }).color, false);
  assert.equal(style({}, true, false).color, false);
  assert.equal(style({ FORCE_COLOR: "1" }, false).color, true);
  assert.equal(style({ FORCE_COLOR: "1", NO_COLOR: "1" }, false).color, false);
});

Deno.test("styleOf() takes Unicode from the locale", () => {
  assert.equal(style({ LANG: "en_US.UTF-8" }).unicode, true);
  assert.equal(style({ LANG: "en_US.UTF-8", LC_ALL: "C" }).unicode, false);
  assert.equal(style({}).unicode, false);
});

Deno.test("paint() changes nothing without colour", () => {
  assert.equal(paint({ color: false, unicode: true }, "bad", "x"), "x");
  assert.equal(paint({ color: true, unicode: true }, "bad", "x"), "\u001b[31mx\u001b[0m");
});
