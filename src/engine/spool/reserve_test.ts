import assert from "node:assert/strict";
import { Reserve } from "./reserve.ts";

const { signal } = new AbortController();

/** What has come so far, in order, of things that are waited for. */
function arrivals() {
  const come: string[] = [];
  const note = (name: string, taking: Promise<Disposable>) => {
    taking.then(() => come.push(name), () => come.push(`${name} refused`));
    return taking;
  };
  const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  return { come, note, soon };
}

Deno.test("Reserve: who asks for more than is left waits its turn, also a small one behind it", async () => {
  const { come, note, soon } = arrivals();
  const reserve = new Reserve(10);
  const first = await note("first", reserve.take(6, signal));
  note("large", reserve.take(7, signal));
  note("small", reserve.take(1, signal));
  await soon();
  assert.deepEqual(come, ["first"]);
  first[Symbol.dispose]();
  await soon();
  assert.deepEqual(come, ["first", "large", "small"]);
  first[Symbol.dispose]();
  note("too much", reserve.take(3, signal));
  await soon();
  assert.deepEqual(come, ["first", "large", "small"]);
});

Deno.test("Reserve: more than there is at all comes alone", async () => {
  const { come, note, soon } = arrivals();
  const reserve = new Reserve(10);
  const small = await note("small", reserve.take(1, signal));
  const huge = note("huge", reserve.take(1000, signal));
  await soon();
  assert.deepEqual(come, ["small"]);
  small[Symbol.dispose]();
  (await huge)[Symbol.dispose]();
  (await note("again", reserve.take(10, signal)))[Symbol.dispose]();
  assert.deepEqual(come, ["small", "huge", "again"]);
});

Deno.test("Reserve: who gives up waiting makes room for the next", async () => {
  const { come, note, soon } = arrivals();
  const reserve = new Reserve(10);
  await note("first", reserve.take(6, signal));
  const stop = new AbortController();
  const gaveUp = note("large", reserve.take(9, stop.signal));
  note("small", reserve.take(4, signal));
  stop.abort(new Error("enough"));
  await assert.rejects(gaveUp, { message: "enough" });
  await soon();
  assert.deepEqual(come, ["first", "large refused", "small"]);
  await assert.rejects(() => reserve.take(1, stop.signal), { message: "enough" });
});

Deno.test("Reserve: who gives up just as its turn comes takes no other's turn away", async () => {
  const { come, note, soon } = arrivals();
  const reserve = new Reserve(10);
  const first = await note("first", reserve.take(10, signal));
  const stop = new AbortController();
  const second = note("second", reserve.take(10, stop.signal));
  note("third", reserve.take(10, signal));
  first[Symbol.dispose]();
  stop.abort(new Error("enough"));
  (await second)[Symbol.dispose]();
  await soon();
  assert.deepEqual(come, ["first", "second", "third"]);
});
