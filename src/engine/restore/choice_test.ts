import assert from "node:assert/strict";
import fc from "fast-check";
import type { RestoreOptions } from "../../config/config.ts";
import { loadConfig } from "../../config/load.ts";
import { newChoice, resumedChoice } from "./choice.ts";

const HOUR = 3_600_000;
const NOW = Date.parse("2025-03-04T05:06:07Z");

async function restoreOf(keys: Record<string, unknown> = {}): Promise<RestoreOptions> {
  const overrides = Object.entries(keys).map(([key, value]) => ({
    path: ["restore", ...key.split(".")],
    value,
    origin: key,
  }));
  return (await loadConfig({ overrides, env: () => undefined })).config.restore;
}

const resume = (restore: RestoreOptions, recorded: string, now = NOW) =>
  resumedChoice(restore, { recorded, now, backupId: "nightly" });

Deno.test("times from now are those of the beginning, whenever it is gone on", async () => {
  const restore = await restoreOf({ time_window_start: "-2h", time_window_end: "now" });
  const begun = newChoice(restore, NOW);
  const window = { start: NOW - 2 * HOUR, end: NOW, field: "backed_up_at" };
  assert.deepEqual(begun.selection.timeWindow, window);
  const later = resume(restore, begun.recorded, NOW + 5 * HOUR);
  assert.deepEqual(later.selection.timeWindow, window);
  assert.equal(later.recorded, begun.recorded);
});

Deno.test("one end is enough, and none is no window", async () => {
  const from = newChoice(await restoreOf({ time_window_start: 0 }), NOW);
  assert.deepEqual(from.selection.timeWindow, { start: 0, end: Infinity, field: "backed_up_at" });
  const again = resume(await restoreOf({ time_window_start: 0 }), from.recorded);
  assert.deepEqual(again.selection, from.selection);
  const all = newChoice(await restoreOf({ time_window_field: "timestamp" }), NOW);
  assert.equal(all.selection.timeWindow, undefined);
  assert.equal(all.selection.limit, Infinity);
  const turned = { time_window_start: "-1h", time_window_end: "-2h" };
  assert.throws(() => newChoice({ ...all, ...turned } as never, NOW), {
    code: "usage",
    message: /the time window ends \(2025-03-04T03:06:07.000Z\) before it starts/,
  });
});

Deno.test("a restore is not gone on with under another choice", async () => {
  const begun = newChoice(await restoreOf({ queue_mapping: { a: "b" } }), NOW).recorded;
  resume(await restoreOf({ queue_mapping: ["a=b"] }), begun);
  const others: [Record<string, unknown>, RegExp][] = [
    [{ queue_mapping: { a: "c" } }, /\(restore\.queue_mapping differs\)/],
    [{}, /\(restore\.queue_mapping differs\)/],
    [
      { queue_mapping: { a: "b" }, time_window_end: 5e12, max_messages_per_queue: 1 },
      /\(restore\.time_window_end, restore\.max_messages_per_queue differ\)/,
    ],
    [{ queue_mapping: { a: "b" }, "messages.headers": ["x"] }, /restore\.messages differs/],
  ];
  for (const [keys, message] of others) {
    const restore = await restoreOf(keys);
    assert.throws(() => resume(restore, begun), { code: "refused", message });
  }
  // Which queues, and how, may change.
  const how = { window: 5, if_not_empty: "append", "queues.exclude": ["x"] };
  resume(await restoreOf({ queue_mapping: { a: "b" }, ...how }), begun);
});

Deno.test("a restore of before choices were recorded took all", async () => {
  resume(await restoreOf({ "queues.include": ["x"] }), "");
  for (const keys of [{ vhost_mapping: { a: "b" } }, { time_window_start: "-1h" }]) {
    const restore = await restoreOf(keys);
    assert.throws(() => resume(restore, ""), { code: "refused", message: /what is restored, and/ });
  }
});

Deno.test("property: a window is the same however it is written, and whenever it is gone on with", async () => {
  const base = await restoreOf();
  const instant = fc.integer({ min: 1e12, max: 4e12 });
  const delay = fc.integer({ min: 0, max: 1e10 });
  fc.assert(fc.property(instant, fc.nat(500 * 3_600), delay, (start, seconds, later) => {
    const end = start + 1000 * seconds;
    const forms: [string | number, string | number][] = [
      [start, end],
      [new Date(start).toISOString(), new Date(end).toISOString()],
      [new Date(start).toISOString(), "now"],
      [`-${seconds}s`, "now"],
    ];
    for (const [time_window_start, time_window_end] of forms) {
      const restore = { ...base, time_window_start, time_window_end };
      const begun = newChoice(restore, end);
      const window = { start, end, field: "backed_up_at" };
      assert.deepEqual(begun.selection.timeWindow, window);
      const goneOn = resume(restore, begun.recorded, end + later);
      assert.deepEqual(goneOn.selection.timeWindow, window);
    }
    if (seconds === 0) return;
    const turned = { ...base, time_window_start: end, time_window_end: start };
    assert.throws(() => newChoice(turned, end), { code: "usage", message: /ends .* before it/ });
  }));
});
