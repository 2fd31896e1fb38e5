import assert from "node:assert/strict";
import { AppError } from "../../../src/errors.ts";
import { RESTORE_PLAN, restorePlanSample } from "../../testing/restore_samples.ts";
import { canRestore, NO_RESTORE_PLAN, reduceRestorePlan, type RestorePlanAction } from "./state.ts";
import { wishedSettings } from "./wishes.ts";

const wishesAfter = (...actions: RestorePlanAction[]) =>
  actions.reduce(reduceRestorePlan, NO_RESTORE_PLAN).wishes;

Deno.test("what is not wished is as the configuration says", () => {
  const { overrides, flags } = wishedSettings(NO_RESTORE_PLAN.wishes);
  assert.deepEqual([overrides, flags], [[], []]);
});

Deno.test("wishes become settings and flags; which messages they are goes for verify as well", () => {
  const wishes = wishesAfter(
    { type: "nextIfNotEmpty" },
    { type: "nextIfNotEmpty" },
    { type: "definitions" },
    { type: "typeWindow", text: "yesterday 14:00 .. -2hx" },
    { type: "eraseWindow" },
  );
  const { overrides, flags, messageFlags } = wishedSettings(wishes);
  assert.deepEqual(overrides.map(({ path, value }) => [path.join("."), value]), [
    ["restore.if_not_empty", "append"],
    ["restore.restore_definitions", true],
    ["restore.time_window_start", "yesterday 14:00"],
    ["restore.time_window_end", "-2h"],
  ]);
  assert.deepEqual(messageFlags, [
    "--time-window-start='yesterday 14:00'",
    "--time-window-end=-2h",
  ]);
  assert.deepEqual(flags, ["--if-not-empty", "append", "--restore-definitions", ...messageFlags]);
});

Deno.test("a time may have one end only", () => {
  const keys = (text: string) =>
    wishedSettings(wishesAfter({ type: "typeWindow", text })).overrides.map(({ path }) => path[1]);
  assert.deepEqual(keys("2h"), ["time_window_start"]);
  assert.deepEqual(keys(".. 2h"), ["time_window_end"]);
});

Deno.test("a restore can start when something would be restored and nothing stands against it", () => {
  const can = (plan: Partial<typeof RESTORE_PLAN>) =>
    canRestore(
      reduceRestorePlan(NO_RESTORE_PLAN, { type: "planned", plan: { ...RESTORE_PLAN, ...plan } }),
    );
  assert.ok(!canRestore(NO_RESTORE_PLAN));
  assert.ok(canRestore(restorePlanSample()));
  assert.ok(can({}));
  assert.ok(!can({ refused: new AppError("refused", "no") }));
  assert.ok(!can({ queues: RESTORE_PLAN.queues.slice(1) }));
});

Deno.test("a time that is given up is the one that it was before", () => {
  const typed = (text: string): RestorePlanAction[] => [{ type: "typeWindow", text }];
  const actions: RestorePlanAction[] = [
    { type: "editWindow" },
    ...typed("-1h .."),
    { type: "keepWindow" },
    { type: "editWindow" },
    ...typed(" -30m"),
    { type: "eraseWindow" },
    { type: "dropWindow" },
  ];
  const state = actions.reduce(reduceRestorePlan, NO_RESTORE_PLAN);
  assert.deepEqual([state.isEditing, state.wishes.window], [false, "-1h .."]);
});
