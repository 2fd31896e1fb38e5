import assert from "node:assert/strict";
import { themeOf } from "../../theme/theme.ts";
import { quietNavigator, stillScreen } from "../../testing/render_frame.tsx";
import { openConfirm } from "./screen.tsx";

const AREA = { columns: 80, rows: 20, theme: themeOf({ color: false, unicode: true }) };

/** What came of the question after these keys; a word is typed. */
function answer(...keys: string[]): string {
  let result = "nothing";
  const navigator = quietNavigator();
  navigator.open(stillScreen({ title: "plan", render: () => null }));
  navigator.open(openConfirm({
    target: "mq:5672",
    lines: [],
    button: "Do it",
    commandLine: () => "",
    cancel: () => result = "cancelled",
    confirm: () => result = "confirmed",
  }));
  for (const key of keys) {
    if (["enter", "tab", "esc", "backspace"].includes(key)) navigator.press({ name: key }, AREA);
    else for (const text of key) navigator.press({ name: text, text }, AREA);
  }
  return result;
}

Deno.test("only the target's name and the other button confirm", () => {
  assert.equal(answer("enter"), "cancelled");
  assert.equal(answer("mq:5672", "enter"), "nothing");
  assert.equal(answer("mq:5672", "enter", "enter"), "confirmed");
  assert.equal(answer("mq:567", "enter", "enter"), "nothing");
  assert.equal(answer("mq:567", "tab", "tab", "enter"), "cancelled");
  assert.equal(answer("tab", "enter"), "nothing");
  assert.equal(answer("mq:567", "tab", "enter"), "nothing");
  assert.equal(answer("mq:5672x", "tab", "enter"), "nothing");
  assert.equal(answer("mq:5672x", "backspace", "tab", "enter"), "confirmed");
  assert.equal(answer("q", "esc"), "cancelled");
});
