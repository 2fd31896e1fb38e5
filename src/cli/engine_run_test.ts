import assert from "node:assert/strict";
import type { SummaryEvent } from "../engine/events.ts";
import { AppError } from "../errors.ts";
import type { CommandContext } from "./context.ts";
import { runEngineWork } from "./engine_run.ts";
import { fakeOutput, FakeTerminal } from "./fake_terminal.ts";

const SUMMARY: SummaryEvent = {
  type: "summary",
  operation: "backup",
  backupId: "x",
  location: "/b",
  outcome: "ok",
  queuesOk: 1,
  queuesSkipped: 0,
  queuesFailed: 0,
  messages: 1,
  bytes: 1,
  seconds: 1,
};

function contextOf(exits: number[] = []): { context: CommandContext; terminal: FakeTerminal } {
  const terminal = new FakeTerminal();
  const output = fakeOutput(terminal, { color: false });
  const host = { terminal, invocation: "x", exit: (code: number) => void exits.push(code) };
  return { terminal, context: { host, output, argv: [], flags: {}, positionals: [] } };
}

/** Sends this process a signal and waits until it has been handled. */
async function signal(name: Deno.Signal, handled: () => boolean): Promise<void> {
  Deno.kill(Deno.pid, name);
  while (!handled()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("runEngineWork() tells the summary once, whether it was emitted or not", async () => {
  const { context, terminal } = contextOf();
  const result = await runEngineWork(context, {
    stopping: "",
    run: ({ emit }) => {
      emit(SUMMARY);
      return Promise.resolve(SUMMARY);
    },
  });
  assert.equal(result, SUMMARY);
  assert.equal(terminal.stdout.text.match(/is complete/g)?.length, 1);
});

Deno.test("runEngineWork() stops on the first signal, tells how to go on, and ends on the second", async () => {
  const exits: number[] = [];
  const { context, terminal } = contextOf(exits);
  const error: unknown = await runEngineWork(context, {
    stopping: "giving the messages back",
    resume: "rabbitmq-backup backup --backup-id x",
    run: async ({ signal: aborted }) => {
      await signal("SIGTERM", () => aborted.aborted);
      await signal("SIGHUP", () => exits.length > 0);
      throw new Error("the connection was closed while stopping");
    },
  }).catch((error) => error);
  assert.deepEqual(exits, [143]);
  assert.match(terminal.stderr.text, /^Stopping: giving the messages back\. Press Ctrl-C again/);
  assert.ok(error instanceof AppError);
  assert.equal(error.code, "terminated");
  assert.equal(error.hint, "go on with: rabbitmq-backup backup --backup-id x");
  assert.match(String(error.cause), /the connection was closed/);
});

Deno.test("runEngineWork() shows the status on SIGUSR1 and passes other errors on", async () => {
  const { context, terminal } = contextOf();
  const failure = new AppError("locked", "Cannot start");
  const run = runEngineWork(context, {
    stopping: "",
    run: async ({ emit }) => {
      emit({
        type: "status",
        operation: "backup",
        secondsElapsed: 1,
        percentDone: 0.5,
        queuesTotal: 1,
        queuesDone: 0,
        messagesTotal: 10,
        messagesDone: 5,
        bytesDone: 5,
        rateMessages: 5,
        rateBytes: 5,
        errorCount: 0,
        active: [],
      });
      await signal("SIGUSR1", () => terminal.stderr.text !== "");
      throw failure;
    },
  });
  await assert.rejects(run, failure);
  assert.match(terminal.stderr.text, /^50 % \| 0 of 1 queues/);
});
