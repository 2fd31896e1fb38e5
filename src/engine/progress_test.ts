import assert from "node:assert/strict";
import type { EngineEvent, StatusEvent } from "./events.ts";
import { ProgressMeter } from "./progress.ts";

const QUEUE = { vhost: "/", name: "orders" };

/** A meter whose clock goes only where the test sets it, in seconds. */
class Timed implements Disposable {
  readonly meter: ProgressMeter;
  readonly events: StatusEvent[] = [];
  readonly #now = performance.now;
  #seconds = 1000;

  constructor(operation: StatusEvent["operation"] = "backup") {
    performance.now = () => this.#seconds * 1000;
    this.meter = new ProgressMeter(operation, (event: EngineEvent) => {
      assert.equal(event.type, "status");
      this.events.push(event as StatusEvent);
    });
  }

  /** Sets the seconds since the start, sends a status and returns it. */
  at(seconds: number): StatusEvent {
    this.#seconds = 1000 + seconds;
    this.meter.send();
    return this.events.at(-1)!;
  }

  [Symbol.dispose](): void {
    this.meter[Symbol.dispose]();
    performance.now = this.#now;
  }
}

Deno.test("progress: nothing begun", () => {
  using timed = new Timed();
  assert.deepEqual(timed.at(2), {
    type: "status",
    operation: "backup",
    secondsElapsed: 2,
    percentDone: 0,
    queuesTotal: 0,
    queuesDone: 0,
    messagesTotal: 0,
    messagesDone: 0,
    bytesDone: 0,
    rateMessages: 0,
    rateBytes: 0,
    errorCount: 0,
    active: [],
  });
});

Deno.test("progress: queues under way and queues that have ended add up", () => {
  using timed = new Timed("restore");
  const { meter } = timed;
  meter.queuesTotal = 3;
  meter.messagesTotal = 1000;
  meter.errorCount = 2;
  const first = meter.begin(QUEUE, { messagesTotal: 400 });
  const second = meter.begin({ vhost: "/", name: "other" }, { phase: "publishing" });
  first.messagesDone = 100;
  first.bytesDone = 5000;
  second.messagesDone = 20;
  second.bytesDone = 1000;
  const early = timed.at(1);
  assert.deepEqual(
    [early.operation, early.messagesDone, early.bytesDone, early.percentDone, early.queuesDone],
    ["restore", 120, 6000, 0.12, 0],
  );
  assert.deepEqual(early.active, [
    {
      vhost: "/",
      queue: "orders",
      phase: "reading",
      messagesDone: 100,
      messagesTotal: 400,
      bytesDone: 5000,
    },
    {
      vhost: "/",
      queue: "other",
      phase: "publishing",
      messagesDone: 20,
      messagesTotal: 0,
      bytesDone: 1000,
    },
  ]);
  first.messagesDone = 400;
  first.bytesDone = 20_000;
  assert.equal(meter.end(first), 1);
  const late = timed.at(2);
  assert.deepEqual(
    [late.messagesDone, late.bytesDone, late.percentDone, late.queuesDone, late.errorCount],
    [420, 21_000, 0.42, 1, 2],
  );
  assert.deepEqual(late.active.map(({ queue }) => queue), ["other"]);
});

Deno.test("progress: a queue is ended once", () => {
  using timed = new Timed();
  const work = timed.meter.begin(QUEUE, {});
  work.messagesDone = 5;
  timed.at(3);
  assert.equal(timed.meter.end(work), 3);
  timed.meter.end(work);
  const { messagesDone, queuesDone } = timed.at(4);
  assert.deepEqual([messagesDone, queuesDone], [5, 1]);
});

Deno.test("progress: an event is not changed by what comes after it", () => {
  using timed = new Timed();
  const work = timed.meter.begin(QUEUE, {});
  const event = timed.at(1);
  work.messagesDone = 7;
  work.phase = "packing";
  assert.deepEqual([event.active[0]!.messagesDone, event.active[0]!.phase], [0, "reading"]);
});

Deno.test("progress: rates are of the last seconds, and tell how long it takes", () => {
  using timed = new Timed();
  timed.meter.messagesTotal = 10_000;
  const work = timed.meter.begin(QUEUE, {});
  const first = timed.at(0);
  assert.equal(first.rateMessages, 0);
  assert.equal("secondsRemaining" in first, false);
  const doneAt = (seconds: number, messages: number) => {
    work.messagesDone = messages;
    work.bytesDone = messages * 10;
    return timed.at(seconds);
  };
  const steady = doneAt(2, 2000);
  assert.deepEqual([steady.rateMessages, steady.rateBytes], [1000, 10_000]);
  assert.equal(steady.secondsRemaining, 8);
  // Six seconds later the first sample is too old: (2600 - 2000) / 4.
  doneAt(4, 2400);
  const slow = doneAt(6, 2600);
  assert.equal(slow.rateMessages, 150);
  assert.equal(slow.secondsRemaining, 7400 / 150);
  // Nothing for longer than rates are averaged: no rate, and no guess.
  const stalled = doneAt(20, 2600);
  assert.equal(stalled.rateMessages, 0);
  assert.equal("secondsRemaining" in stalled, false);
});

Deno.test("progress: more than expected is not more than all, and not less than nothing left", () => {
  using timed = new Timed();
  timed.meter.messagesTotal = 100;
  const work = timed.meter.begin(QUEUE, {});
  timed.at(0);
  work.messagesDone = 150;
  const event = timed.at(1);
  assert.equal(event.percentDone, 1);
  assert.equal(event.secondsRemaining, 0);
});

Deno.test("progress: a status comes by itself until the meter is disposed", async () => {
  const events: EngineEvent[] = [];
  const pause = () => new Promise((resolve) => setTimeout(resolve, 600));
  {
    using _meter = new ProgressMeter("backup", (event) => events.push(event));
    await pause();
  }
  const count = events.length;
  assert.ok(count >= 1 && count <= 3, `${count} in 600 ms`);
  await pause();
  assert.equal(events.length, count);
});
