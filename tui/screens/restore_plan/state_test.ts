import assert from "node:assert/strict";
import type { RestorePlan } from "../../../src/engine/plan_types.ts";
import { AppError } from "../../../src/errors.ts";
import { RESTORE_PLAN, restorePlanSample, SETTINGS } from "../../testing/restore_samples.ts";
import { themeOf } from "../../theme/theme.ts";
import {
  canRestore,
  NO_RESTORE_PLAN,
  reduceRestorePlan,
  type RestorePlanAction,
  type RestoreWishes,
} from "./state.ts";
import { confirmLines, sumSpans } from "./summary.ts";
import { wishedSettings } from "./wishes.ts";

const wishesAfter = (...actions: RestorePlanAction[]) =>
  actions.reduce(reduceRestorePlan, NO_RESTORE_PLAN).wishes;
const settingsOf = (wishes: Partial<RestoreWishes>) =>
  wishedSettings({ ...NO_RESTORE_PLAN.wishes, ...wishes }, SETTINGS);

Deno.test("what is not wished is as the configuration says", () => {
  const { overrides, flags } = settingsOf({});
  assert.deepEqual([overrides, flags], [[], []]);
});

Deno.test("wishes become settings and flags; which messages they are goes for verify as well", () => {
  const wishes = wishesAfter(
    { type: "nextIfNotEmpty" },
    { type: "nextIfNotEmpty" },
    { type: "definitions" },
    { type: "wish", wishes: { window: "2025-03-03T14:00:00Z .. 2025-03-04T03:06:07Z" } },
  );
  const { overrides, flags, verifyFlags } = settingsOf(wishes);
  assert.deepEqual(overrides.map(({ path, value }) => [path.join("."), value]), [
    ["restore.if_not_empty", "append"],
    ["restore.restore_definitions", true],
    ["restore.time_window_start", "2025-03-03T14:00:00Z"],
    ["restore.time_window_end", "2025-03-04T03:06:07Z"],
  ]);
  assert.deepEqual(verifyFlags, [
    "--time-window-start=2025-03-03T14:00:00Z",
    "--time-window-end=2025-03-04T03:06:07Z",
  ]);
  assert.deepEqual(flags, ["--if-not-empty=append", "--restore-definitions", ...verifyFlags]);
});

Deno.test("options are lists, switches that are on and off, and texts for a shell", () => {
  const { overrides, flags } = settingsOf({
    options: {
      "queue-mapping": "a{1,2}=x, *=old.$1",
      "no-such": "x",
      "create-missing-queues": true,
    },
  });
  assert.deepEqual(overrides.map(({ path, value }) => [path[1], value]), [
    ["create_missing_queues", false],
    ["queue_mapping", ["a{1,2}=x", "*=old.$1"]],
  ]);
  assert.deepEqual(flags, [
    "--no-create-missing-queues",
    "--queue-mapping='a{1,2}=x'",
    "--queue-mapping='*=old.$1'",
  ]);
});

Deno.test("definitions come first, or again as configured", () => {
  const twice = wishesAfter({ type: "definitions" }, { type: "definitions" });
  assert.deepEqual(twice.options, {});
});

Deno.test("a time may have one end only", () => {
  const keys = (window: string) => settingsOf({ window }).overrides.map(({ path }) => path[1]);
  assert.deepEqual(keys("-2h"), ["time_window_start"]);
  assert.deepEqual(keys(".. -2h"), ["time_window_end"]);
});

Deno.test("the last question names bounds, window, vhosts, mapping and options", () => {
  const [orders, dead] = RESTORE_PLAN.queues;
  const mapped = { ...orders!, destination: { vhost: "drill", queue: "restored" } };
  const plan: RestorePlan = {
    ...RESTORE_PLAN,
    timeWindow: { start: Date.parse("2025-03-03T02:00:00Z"), field: "timestamp" },
    queues: [{ ...mapped, atLeast: 0 }, dead!],
  };
  const wishes = { window: "-2h ..", options: { "if-not-empty": "skip" } };
  assert.deepEqual(confirmLines(plan, wishes), [
    "Backup nightly-20250303 will be written into mq.example:5672.",
    "At most 20,000 messages into 1 queue, 1 created, 1 skipped.",
    "Only messages whose timestamp is from 2025-03-03 02:00:00 UTC.",
    "Virtual host: drill.",
    "Elsewhere: orders -> restored (drill).",
    "Options: if-not-empty skip.",
  ]);
  const head = (plan: RestorePlan) =>
    sumSpans({ ...NO_RESTORE_PLAN, plan }, themeOf({ color: false, unicode: false }))
      .map(({ text }) => text).join("");
  assert.match(head(plan), /1 queue, at most 20,000 messages to restore/);
  assert.match(head(RESTORE_PLAN), /1 queue, 20,000 messages to restore/);
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
