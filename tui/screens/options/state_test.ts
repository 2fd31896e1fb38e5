import assert from "node:assert/strict";
import { SETTINGS } from "../../testing/restore_samples.ts";
import { type OptionsAction, type OptionsState, optionsState, reduceOptions } from "./state.ts";

const page = 10;
const opened = (values = {}) => optionsState([...SETTINGS.shared, ...SETTINGS.own], values);
const after = (state: OptionsState, ...actions: OptionsAction[]) =>
  actions.reduce(reduceOptions, state);
const find = (text: string): OptionsAction[] => [
  { type: "pick", action: { type: "dropFilter" } },
  { type: "pick", action: { type: "typeFilter", text } },
  { type: "pick", action: { type: "move", command: "first", page } },
];

Deno.test("what has a place of its own is not among the options, all else of the command is", () => {
  const names = opened().picker.rows.map(({ key }) => key);
  assert.ok(names.includes("queue-mapping") && names.includes("window"));
  assert.deepEqual(names.filter((name) => /^time-window-(start|end)|dry-run/.test(name)), []);
});

Deno.test("a value is typed, kept, given up and taken back", () => {
  const typed = after(opened(), ...find("queue-mapping"), { type: "change" }, {
    type: "type",
    text: "*=old.$1 x",
  }, { type: "erase", command: "eraseWord" });
  assert.deepEqual([typed.typed, typed.values], ["*=old.$1 ", {}]);
  const kept = after(typed, { type: "keep" });
  assert.deepEqual([kept.typed, kept.values], [undefined, { "queue-mapping": "*=old.$1" }]);
  const again = after(kept, { type: "change" });
  assert.equal(again.typed, "*=old.$1");
  const dropped = after(again, { type: "erase", command: "clear" }, { type: "drop" });
  assert.deepEqual(dropped.values, kept.values);
  const emptied = after(again, { type: "erase", command: "clear" }, { type: "keep" });
  assert.deepEqual(emptied.values, {});
  assert.deepEqual(after(kept, { type: "unset" }).values, {});
});

Deno.test("a switch is turned by one key", () => {
  const on = after(opened(), ...find("create-missing-vhosts"), { type: "change" });
  assert.deepEqual([on.values, on.typed], [{ "create-missing-vhosts": true }, undefined]);
  assert.deepEqual(after(on, { type: "change" }).values, {});
});
