import assert from "node:assert/strict";
import { PLAN_KEYS } from "../screens/plan/keys.ts";
import { EMPTY_PICKER } from "../components/picker.ts";
import { FILTER_KEYS, pickerKeys } from "../components/picker_keys.ts";
import { QUEUES_KEYS } from "../screens/queues/keys.ts";
import { DONE_KEYS, FAILED_KEYS, PACED_KEYS, PAUSED_KEYS } from "../screens/run/keys.ts";
import { CONFIGS_KEYS } from "../screens/configs/keys.ts";
import { CONNECT_KEYS, TRIED_KEYS } from "../screens/connect/keys.ts";
import { DEFINITIONS_KEYS } from "../screens/definitions/keys.ts";
import { DOCTOR_KEYS } from "../screens/doctor/keys.ts";
import { logKeys } from "../screens/log/keys.ts";
import { REPORT_KEYS } from "../screens/report/keys.ts";
import { START_KEYS } from "../screens/start/keys.ts";
import { type Binding, GLOBAL_KEYS, type InkKey, keyLabel, keyPresses } from "./keys.ts";

const NO_KEY: InkKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
};

Deno.test("keys have names, also those that come in one piece", () => {
  const names = (input: string, key: Partial<InkKey> = {}) =>
    keyPresses(input, { ...NO_KEY, ...key }).map(({ name }) => name);
  assert.deepEqual(names("", { upArrow: true }), ["up"]);
  assert.deepEqual(names("", { downArrow: true, shift: true }), ["shift-down"]);
  assert.deepEqual(names("c", { ctrl: true }), ["ctrl-c"]);
  assert.deepEqual(names("jjG \r"), ["j", "j", "G", "space", "enter"]);
  assert.deepEqual(names("日"), ["日"]);
  assert.deepEqual(names("\u0015a"), ["ctrl-u", "a"]);
});

const TABLES: Record<string, readonly Binding[]> = {
  START_KEYS,
  QUEUES_KEYS: pickerKeys({ ...EMPTY_PICKER, filter: "x" }, QUEUES_KEYS),
  FILTER_KEYS,
  PLAN_KEYS,
  PACED_KEYS,
  PAUSED_KEYS,
  FAILED_KEYS,
  DONE_KEYS,
  DOCTOR_KEYS,
  CONFIGS_KEYS,
  DEFINITIONS_KEYS,
  REPORT_KEYS,
  CONNECT_KEYS,
  TRIED_KEYS,
  LOG_KEYS: logKeys({ ...EMPTY_PICKER, filter: "x" }),
  GLOBAL_KEYS,
};

for (const [name, table] of Object.entries(TABLES)) {
  Deno.test(`no key has two meanings in ${name}`, () => {
    const keys = table.flatMap(({ keys }) => keys);
    assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) !== index), []);
    // The one that always stops is nobody else's.
    assert.equal(keys.includes("ctrl-c"), table === GLOBAL_KEYS);
  });
}

Deno.test("keys are shown as they are called", () => {
  const labels = ["ctrl-c", "enter", "up", "shift-down", "j"];
  assert.deepEqual(labels.map((key) => keyLabel(key, { unicode: true })), [
    "^C",
    "Enter",
    "↑",
    "Shift+↓",
    "j",
  ]);
  assert.equal(keyLabel("up", { unicode: false }), "up");
});
