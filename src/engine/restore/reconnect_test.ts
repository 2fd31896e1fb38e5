import assert from "node:assert/strict";
import { AppError } from "../../errors.ts";
import type { EngineEvent } from "../events.ts";
import { Reconnector } from "./reconnect.ts";

const lost = () =>
  new AppError("broker_unreachable", "Cannot go on with x: the connection was lost");

function newReconnector(options: { seconds?: number; connect?: () => Promise<void> } = {}) {
  const events: EngineEvent[] = [];
  const abort = new AbortController();
  const reconnector = new Reconnector({
    seconds: options.seconds ?? 60,
    connect: options.connect ?? (() => Promise.resolve()),
    emit: (event) => events.push(event),
    signal: abort.signal,
  });
  return { reconnector, events, abort };
}

Deno.test("reconnect: work goes on after each loss, and the loss is told once", async () => {
  const { reconnector, events } = newReconnector();
  let done = 0;
  const work = () => ++done < 40 ? Promise.reject(lost()) : Promise.resolve("through");
  assert.equal(await reconnector.run("/", { work, progress: () => done }), "through");
  assert.equal(done, 40);
  assert.equal(reconnector.outages, 39);
  assert.deepEqual(events[0], {
    type: "warning",
    message: "Waiting for x: the connection was lost; trying for up to 60 s to connect again",
  });
  assert.deepEqual(events[1], { type: "step", message: "Connected again" });
});

Deno.test("reconnect: a connection on which nothing gets through is given up", async () => {
  const { reconnector } = newReconnector();
  let tries = 0;
  const work = () => {
    tries++;
    return Promise.reject(lost());
  };
  await assert.rejects(reconnector.run("/", { work, progress: () => 7 }), {
    code: "broker_unreachable",
    canGoOn: true,
    message: /^Cannot go on with the restore: it is lost again and again \(.*was lost\)$/,
  });
  assert.equal(tries, 10);
});

Deno.test("reconnect: a broker that does not come back in time", async () => {
  const refused = new AppError("broker_unreachable", "Cannot connect to x: nothing listens there");
  let tries = 0;
  const { reconnector } = newReconnector({
    seconds: 1,
    connect: () => {
      tries++;
      return Promise.reject(refused);
    },
  });
  const work = () => Promise.reject(lost());
  await assert.rejects(reconnector.run("/", { work, progress: () => 0 }), {
    code: "broker_unreachable",
    canGoOn: true,
    message: /: no connection for 1 s \(Cannot connect to x: nothing listens there\)$/,
  });
  assert.ok(tries >= 2, `${tries}`);
});

Deno.test("reconnect: what is no loss of the connection is thrown as it is", async () => {
  const other = new AppError("damaged", "Cannot read");
  const { reconnector, events } = newReconnector();
  const run = (error: unknown) =>
    reconnector.run("/", { work: () => Promise.reject(error), progress: () => 0 });
  await assert.rejects(run(other), other);
  assert.deepEqual(events, []);
  const denied = new AppError("broker_denied", "Cannot connect to x: wrong password");
  const closed = newReconnector({ connect: () => Promise.reject(denied) });
  const work = () => Promise.reject(lost());
  await assert.rejects(closed.reconnector.run("/", { work, progress: () => 0 }), denied);
  const never = newReconnector({ seconds: 0, connect: () => assert.fail("not to be tried") });
  await assert.rejects(
    never.reconnector.run("/", { work, progress: () => 0 }),
    /connection was lost$/,
  );
});

Deno.test("reconnect: a stop ends the waiting", async () => {
  const { reconnector, abort } = newReconnector({ connect: () => Promise.reject(lost()) });
  const running = reconnector.run("/", { work: () => Promise.reject(lost()), progress: () => 0 });
  abort.abort(new AppError("interrupted", "Stopped by Ctrl-C"));
  await assert.rejects(running, /Stopped by Ctrl-C/);
});
