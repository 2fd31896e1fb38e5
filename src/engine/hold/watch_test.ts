import assert from "node:assert/strict";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { AppError } from "../../errors.ts";
import type { HoldLimits } from "../../safety/plan.ts";
import { HoldWatch } from "./watch.ts";
import type { NodeWatch } from "../survey/node_watch.ts";

interface Scene {
  /** Ready messages whenever it is asked; an error where the queue is gone. */
  readonly ready?: () => number;
  /** Bytes up to the memory alarm, look by look; the last one stays. */
  readonly headroom?: readonly number[];
  readonly held?: { messages: number; bytes: number };
}

/** Watches for so long; why everything was let go, if it was. */
async function watched(
  limits: Partial<HoldLimits>,
  scene: Scene,
  milliseconds: number,
): Promise<string | undefined> {
  const channel = {
    checkQueue: () => Promise.resolve({ messageCount: scene.ready?.(), consumerCount: 0 }),
    close: () => Promise.resolve(),
  };
  const connection = {
    isOpen: true,
    openChannel: () => Promise.resolve(channel),
    closeChannel: channel.close,
  };
  const headroom = [...scene.headroom ?? [Infinity]];
  const state = () => ({ headroom: headroom.length > 1 ? headroom.shift()! : headroom[0]! });
  const reasons: AppError[] = [];
  const watch = new HoldWatch(connection as unknown as BrokerConnection, {
    queue: { name: "q", leader: "rabbit@a" },
    hold: { memoryPerMessage: 0, spoolPerMessage: 0, ...limits },
    held: () => scene.held ?? { messages: 100, bytes: 10_000 },
    nodes: {
      nodes: () => Promise.resolve(new Map([["rabbit@a", state()]])),
    } as unknown as NodeWatch,
    letGo: (reason) => reasons.push(reason),
    signal: new AbortController().signal,
  });
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  watch[Symbol.dispose]();
  assert.ok(reasons.length <= 1);
  if (reasons[0] !== undefined) assert.equal(reasons[0].code, "refused");
  return reasons[0]?.message;
}

/** At once, as each has to wait: a look every 250 ms, or every second where no length is watched. */
async function together(cases: (() => Promise<void>)[]): Promise<void> {
  await Promise.all(cases.map((run) => run()));
}

Deno.test("hold watch: held and ready messages together near the queue's max-length", async () => {
  // A twentieth has to stay free: 100 are held.
  await together([
    async () => {
      const reason = await watched({ maxLength: 1_000 }, { ready: () => 851 }, 400);
      assert.match(
        reason!,
        /near its max-length \(951 of 1000\), and would have dropped the oldest/,
      );
    },
    async () => {
      assert.equal(await watched({ maxLength: 1_000 }, { ready: () => 850 }, 800), undefined);
    },
    async () => {
      // Not at the first look.
      let ready = 0;
      const reason = await watched({ maxLength: 1_000 }, { ready: () => ready += 450 }, 800);
      assert.match(reason!, /1000 of 1000/);
    },
  ]);
});

Deno.test("hold watch: bytes, by the size of those that are held", async () => {
  const limits = { maxLengthBytes: 100_000 };
  await together([
    async () => {
      const reason = await watched(limits, { ready: () => 851 }, 400);
      assert.match(reason!, /near its max-length-bytes \(some 95100 of 100000\)/);
    },
    async () => assert.equal(await watched(limits, { ready: () => 850 }, 400), undefined),
    async () => {
      const held = { messages: 0, bytes: 0 };
      assert.equal(await watched(limits, { ready: () => 1e9, held }, 400), undefined);
    },
  ]);
});

Deno.test("hold watch: the clock", async () => {
  const mine = { seconds: { at: 0.9, of: "max_hold_secs" as const } };
  const brokers = { seconds: { at: 0.9, of: "consumer_timeout" as const } };
  await together([
    async () => assert.match((await watched(mine, {}, 1_200))!, /held for 0.9 s \(max_hold_secs\)/),
    async () => assert.match((await watched(brokers, {}, 1_200))!, /consumer timeout is near/),
    async () => assert.equal(await watched(mine, {}, 600), undefined),
    async () => {
      const later = { seconds: { at: 60, of: "max_hold_secs" as const } };
      assert.equal(await watched(later, {}, 1_200), undefined);
    },
  ]);
});

Deno.test("hold watch: a tenth of the memory that its node had has to be left", async () => {
  const at = (...headroom: number[]) => watched({}, { headroom }, 1_200);
  await together([
    async () => assert.match((await at(1e9, 99e6))!, /node rabbit@a .* \(99 MB left\)/),
    async () => assert.equal(await at(1e9, 101e6), undefined),
    async () => assert.equal(await at(1e9, Infinity), undefined),
    // Above the alarm it ends, also where it was worse at the start.
    async () => assert.match((await at(-1e9, -50e6))!, /near its alarm/),
  ]);
});

Deno.test("hold watch: a queue that is gone is not its affair", async () => {
  const gone = () => {
    throw new Error("NOT_FOUND");
  };
  assert.equal(await watched({ maxLength: 1 }, { ready: gone }, 600), undefined);
});
