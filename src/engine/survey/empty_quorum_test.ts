import assert from "node:assert/strict";
import { Elections, isDoubtful } from "./empty_quorum.ts";

Deno.test("a quorum queue that says it is empty is doubted with a reason only", () => {
  const empty = { ready: 0, consumers: 0 };
  const quorum = { type: "quorum", state: "running", messages: 0 };
  assert.equal(isDoubtful(quorum, empty), false);
  assert.equal(isDoubtful({ type: "quorum", state: "running" }, empty), true, "no figures yet");
  assert.equal(isDoubtful({ ...quorum, messages: 7 }, empty), true);
  assert.equal(isDoubtful({ ...quorum, state: "down" }, empty), true);
  assert.equal(isDoubtful({ ...quorum, state: "minority" }, empty), true);
  assert.equal(isDoubtful({ ...quorum, messages: 7 }, { ready: 1, consumers: 0 }), false);
  assert.equal(isDoubtful({ ...quorum, messages: 7 }, { ready: 0, consumers: 1 }), false);
  assert.equal(isDoubtful({ type: "classic", state: "running", messages: 7 }, empty), false);
});

Deno.test("an election is waited for", async () => {
  const told = [0, 0, 3];
  const inspector = { depth: () => Promise.resolve({ ready: told.shift()!, consumers: 0 }) };
  const elections = new Elections(inspector, new AbortController().signal);
  assert.deepEqual(await elections.depth("q"), { ready: 3, consumers: 0 });
  assert.deepEqual(told, []);
});

Deno.test("waiting for an election ends with the run", async () => {
  const stop = new AbortController();
  const inspector = { depth: () => Promise.resolve({ ready: 0, consumers: 0 }) };
  const waiting = new Elections(inspector, stop.signal).depth("q");
  stop.abort();
  await assert.rejects(waiting, { name: "AbortError" });
});
