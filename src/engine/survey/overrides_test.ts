import assert from "node:assert/strict";
import type { QueueOverride } from "../../config/config.ts";
import { compileOverrides } from "./overrides.ts";

const GLOBAL = { on_hazard: "refuse", partial: "refuse", max_hold_secs: 60 } as const;

/** The choices for queue `name` of vhost `/`, or of another one. */
function chosen(overrides: QueueOverride[], name: string, vhost = "/") {
  return compileOverrides({ ...GLOBAL, queue_overrides: overrides })({ vhost, name });
}

const REST = { onHazard: "refuse", partial: "refuse", maxHoldSecs: 60 };

Deno.test("overrides: without one that matches, the choices for all queues", () => {
  assert.deepEqual(chosen([], "q"), REST);
  assert.deepEqual(chosen([{ queues: ["other"], on_hazard: "warn" }], "q"), REST);
  const { maxHoldSecs } = compileOverrides({
    on_hazard: "warn",
    partial: "oldest",
    queue_overrides: [],
  })({ vhost: "/", name: "q" });
  assert.equal(maxHoldSecs, undefined);
});

Deno.test("overrides: what one leaves open is that of all queues", () => {
  assert.deepEqual(chosen([{ queues: ["q"], on_hazard: "warn" }], "q"), {
    ...REST,
    onHazard: "warn",
  });
  assert.deepEqual(chosen([{ queues: ["q"], partial: "oldest" }], "q"), {
    ...REST,
    partial: "oldest",
  });
  assert.deepEqual(chosen([{ queues: ["q"], max_hold_secs: 5 }], "q"), { ...REST, maxHoldSecs: 5 });
});

Deno.test("overrides: only the first that matches counts", () => {
  const overrides: QueueOverride[] = [
    { queues: ["orders.eu"], max_hold_secs: 5 },
    { queues: ["orders.*"], partial: "oldest" },
    { queues: ["*"], on_hazard: "warn" },
  ];
  assert.deepEqual(chosen(overrides, "orders.eu"), { ...REST, maxHoldSecs: 5 });
  assert.deepEqual(chosen(overrides, "orders.us"), { ...REST, partial: "oldest" });
  assert.deepEqual(chosen(overrides, "else"), { ...REST, onHazard: "warn" });
});

Deno.test("overrides: any of the patterns, globs and expressions", () => {
  const overrides: QueueOverride[] = [{ queues: ["a.*", "{b,c}", "~^d\\d+$"], on_hazard: "warn" }];
  for (const name of ["a.1", "b", "c", "d17"]) {
    assert.equal(chosen(overrides, name).onHazard, "warn", name);
  }
  for (const name of ["a", "xa.1", "bc", "d", "xd17"]) {
    assert.equal(chosen(overrides, name).onHazard, "refuse", name);
  }
});

Deno.test("overrides: in all vhosts, or in those that are named", () => {
  const named: QueueOverride[] = [{ queues: ["q"], vhosts: ["prod", "eu-*"], on_hazard: "warn" }];
  assert.equal(chosen(named, "q", "prod").onHazard, "warn");
  assert.equal(chosen(named, "q", "eu-west").onHazard, "warn");
  assert.equal(chosen(named, "q", "/").onHazard, "refuse");
  assert.equal(chosen(named, "other", "prod").onHazard, "refuse");
  const all: QueueOverride[] = [...named, { queues: ["q"], partial: "oldest" }];
  assert.deepEqual(chosen(all, "q", "/"), { ...REST, partial: "oldest" });
});
