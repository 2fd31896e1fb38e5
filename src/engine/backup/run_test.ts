import assert from "node:assert/strict";
import { loadConfig } from "../../config/load.ts";
import { AppError } from "../../errors.ts";
import type { EngineEvent, QueueDoneEvent, SummaryEvent } from "../events.ts";
import { type Attempt, runBackup } from "./run.ts";

const lost = () =>
  new AppError("broker_unreachable", "Cannot go on with x: the connection was lost");

const summary: SummaryEvent = {
  type: "summary",
  operation: "backup",
  backupId: "b",
  location: "l",
  outcome: "ok",
  queuesOk: 2,
  queuesSkipped: 0,
  queuesFailed: 0,
  messages: 0,
  bytes: 0,
  seconds: 0,
};

function done(queue: string, outcome: QueueDoneEvent["outcome"]): QueueDoneEvent {
  const numbers = { messages: 1, bytes: 1, seconds: 0 };
  const operation = "backup";
  return {
    type: "queue_done",
    operation,
    vhost: "/",
    queue,
    queueType: "quorum",
    outcome,
    ...numbers,
  };
}

/** Runs a backup of which each try does one of these, and the last one all that come then. */
async function run(
  tries: Attempt[],
  { seconds = 60, path = "/backups" }: { seconds?: number; path?: string } = {},
) {
  const overrides = [
    { path: ["storage"], value: path, origin: "storage" },
    { path: ["backup", "reconnect_secs"], value: seconds, origin: "backup.reconnect_secs" },
  ];
  const { config } = await loadConfig({ overrides, env: () => undefined });
  const events: EngineEvent[] = [];
  const abort = new AbortController();
  let tried = 0;
  const running = runBackup(
    { config, backupId: "b", emit: (event) => events.push(event), signal: abort.signal },
    (options) => tries[Math.min(tried++, tries.length - 1)]!(options),
  );
  return { running, events, abort, tried: () => tried };
}

const throwing = (error: unknown, { isBegun = true } = {}): Attempt => ({ onBegun }) => {
  if (isBegun) onBegun();
  return Promise.reject(error);
};

Deno.test("backup: goes on after a loss, and tells nothing twice", async () => {
  const warning = { type: "warning", message: "Queue x is at risk" } as const;
  const { running, events } = await run([
    ({ emit, onBegun }) => {
      onBegun();
      emit(warning);
      emit(done("a", "ok"));
      return Promise.reject(lost());
    },
    throwing(new AppError("broker_unreachable", "Cannot connect"), { isBegun: false }),
    ({ emit }) => {
      emit(warning);
      emit(done("a", "resumed"));
      emit(done("b", "ok"));
      return Promise.resolve(summary);
    },
  ]);
  const { reconnects, seconds } = await running;
  assert.equal(reconnects, 1);
  assert.ok(seconds >= 1.5, `${seconds} s`);
  assert.deepEqual(events, [
    warning,
    done("a", "ok"),
    {
      type: "warning",
      message: "Waiting for x: the connection was lost; trying for up to 60 s to connect again",
    },
    done("b", "ok"),
  ]);
});

Deno.test("backup: what is lost again and again is given up", async () => {
  const { running, tried } = await run([throwing(lost())]);
  await assert.rejects(running, {
    code: "broker_unreachable",
    canGoOn: true,
    message: /^Cannot go on with the backup: it is lost again and again \(.*was lost\)$/,
  });
  assert.equal(tried(), 4);
});

Deno.test("backup: a broker that does not come back in time", async () => {
  const refused = new AppError("broker_unreachable", "Cannot connect to x: connection refused");
  const { running } = await run([throwing(lost()), throwing(refused, { isBegun: false })], {
    seconds: 1,
  });
  await assert.rejects(running, {
    canGoOn: true,
    message: /: no connection for 1 s \(Cannot connect to x: connection refused\)$/,
  });
});

Deno.test("backup: what cannot be gone on with is not", async () => {
  const cases: [Attempt, { seconds?: number; path?: string }][] = [
    [throwing(lost(), { isBegun: false }), {}],
    [throwing(lost()), { seconds: 0 }],
    [throwing(lost()), { path: "memory://" }],
    [throwing(new AppError("storage_full", "Cannot write")), {}],
  ];
  for (const [attempt, options] of cases) {
    const { running, tried } = await run([attempt], options);
    await assert.rejects(running, AppError);
    assert.equal(tried(), 1);
  }
});

Deno.test("backup: a stop ends the waiting", async () => {
  const { running, abort } = await run([throwing(lost())]);
  abort.abort(new AppError("interrupted", "Stopped by Ctrl-C"));
  await assert.rejects(running, /Stopped by Ctrl-C/);
});

Deno.test("backup: a lock is broken once, and not again when the connection was lost", async () => {
  const { config } = await loadConfig({
    overrides: [{ path: ["storage"], value: "/backups", origin: "storage" }],
    env: () => undefined,
  });
  const { signal } = new AbortController();
  const breaking: unknown[] = [];
  const attempt: Attempt = ({ breakLock, onBegun }) => {
    onBegun();
    return breaking.push(breakLock) === 1 ? Promise.reject(lost()) : Promise.resolve(summary);
  };
  await runBackup({ config, backupId: "b", breakLock: true, emit: () => {}, signal }, attempt);
  assert.deepEqual(breaking, [true, false]);
});
