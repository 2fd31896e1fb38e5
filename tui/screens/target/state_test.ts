import assert from "node:assert/strict";
import { NO_TARGET, reduceTarget, type TargetAction } from "./state.ts";

const after = (...actions: TargetAction[]) => actions.reduce(reduceTarget, NO_TARGET);
const answer = { cluster: "c", version: "4.0.5", queues: 1, messages: 2 };

Deno.test("fields are typed one after the other", () => {
  const state = after(
    { type: "type", text: "mqq" },
    { type: "erase" },
    { type: "next" },
    { type: "clear" },
    { type: "type", text: "restore" },
    { type: "previous" },
  );
  assert.deepEqual([state.values.host, state.values.user, state.focus], ["mq", "restore", 0]);
});

Deno.test("a broker that was tried is another one once a field is another", () => {
  const tried = after({ type: "type", text: "mq" }, { type: "asking" }, {
    type: "answered",
    answer,
  });
  assert.equal(tried.test.state, "there");
  assert.equal(reduceTarget(tried, { type: "next" }).test.state, "there");
  assert.equal(reduceTarget(tried, { type: "type", text: "2" }).test.state, "none");
});
