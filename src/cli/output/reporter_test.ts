import assert from "node:assert/strict";
import type {
  EngineEvent,
  QueueDoneEvent,
  StatusEvent,
  SummaryEvent,
} from "../../engine/events.ts";
import { fakeOutput, FakeTerminal } from "../fake_terminal.ts";
import type { OutputOptions } from "./output.ts";
import { openReporter } from "./reporter.ts";

function status(messagesDone: number, more: Partial<StatusEvent> = {}): StatusEvent {
  return {
    type: "status",
    operation: "backup",
    secondsElapsed: 4.0004,
    secondsRemaining: 6,
    percentDone: messagesDone / 1000,
    queuesTotal: 2,
    queuesDone: 1,
    messagesTotal: 1000,
    messagesDone,
    bytesDone: 1024 * messagesDone,
    rateMessages: 100,
    rateBytes: 102_400,
    errorCount: 0,
    active: [{
      vhost: "/",
      queue: "orders",
      phase: "reading",
      messagesDone,
      messagesTotal: 1000,
      bytesDone: 0,
    }],
    ...more,
  };
}

function queueDone(more: Partial<QueueDoneEvent> = {}): QueueDoneEvent {
  return {
    type: "queue_done",
    operation: "backup",
    vhost: "/",
    queue: "orders",
    queueType: "quorum",
    outcome: "ok",
    messages: 1000,
    bytes: 2048,
    bytesStored: 900,
    segments: 1,
    seconds: 2.5,
    holdSeconds: 1.25,
    returnCost: { method: "channel_close", deliveryAttempts: 1 },
    ...more,
  };
}

const SKIPPED = queueDone({
  queue: "tmp\u001b",
  vhost: "shop",
  outcome: "skipped",
  messages: 0,
  reason: "it is auto-delete (amqp://u:hunter2@h)",
  hint: "leave it out",
});

function summary(more: Partial<SummaryEvent> = {}): SummaryEvent {
  return {
    type: "summary",
    operation: "backup",
    backupId: "nightly",
    location: "/backups",
    outcome: "partial",
    queuesOk: 1,
    queuesSkipped: 1,
    queuesFailed: 0,
    messages: 1000,
    bytes: 2048,
    bytesStored: 1024,
    seconds: 10,
    ...more,
  };
}

function open(options: Partial<OutputOptions> = {}, terminal = new FakeTerminal()) {
  const output = fakeOutput(terminal, options);
  const { reporter, emit } = openReporter(output, ({ outcome }) => outcome === "ok" ? 0 : 3);
  const tell = (...events: EngineEvent[]) => events.forEach(emit);
  return { terminal, reporter, tell };
}

function jsonLines(terminal: FakeTerminal): Record<string, unknown>[] {
  return terminal.stdout.text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("text in a pipe: a plain line every 30 s, what was left out, the summary on stdout", () => {
  const { terminal, tell } = open();
  tell({ type: "step", message: "Looking" }, status(100));
  terminal.advance(29);
  tell(status(200));
  terminal.advance(1);
  tell(status(300));
  terminal.advance(10);
  tell(status(400), queueDone(), SKIPPED, summary());
  assert.deepEqual(terminal.stderr.text.split("\n"), [
    "Looking",
    "30 % | 1 of 2 queues | 300 of 1,000 messages | 100/s | 100 KiB/s | 6.0 s left",
    "",
  ]);
  assert.deepEqual(terminal.stdout.text.split("\n"), [
    "Where     /backups",
    "Queues    1 backed up, 1 left out",
    "Messages  1,000 (2.0 KiB), 100/s",
    "Stored    1.0 KiB (50 % of the messages' size)",
    "Held      at most 1.3 s away from consumers (orders)",
    "Returned  2 queues at one delivery attempt a message; messages are marked redelivered",
    "",
    "Not backed up:",
    "  - tmp\\u{1b} (shop): it is auto-delete (amqp://u:***@h)",
    "    Hint: leave it out",
    "",
    "! Backup nightly is PARTIAL: 1 queue, 1,000 messages, 2.0 KiB backed up in 10 s",
    "",
  ]);
});

Deno.test("text in a pipe: --progress-interval sets the time, 0 stops the lines", () => {
  const fast = open({ progressInterval: 2 });
  fast.terminal.advance(2);
  fast.tell(status(1));
  assert.match(fast.terminal.stderr.text, /^0 %/);
  const none = open({ progressInterval: 0 });
  none.terminal.advance(1000);
  none.tell(status(1));
  assert.equal(none.terminal.stderr.text, "");
});

Deno.test("quiet: nothing but the result in one line", () => {
  const { terminal, tell } = open({ quiet: true });
  terminal.advance(60);
  tell({ type: "step", message: "x" }, status(1), SKIPPED, { type: "warning", message: "w" });
  tell(summary({ outcome: "ok" }));
  assert.equal(terminal.stderr.text, "");
  assert.equal(
    terminal.stdout.text,
    "ok Backup nightly is complete: 1 queue, 1,000 messages, 2.0 KiB backed up in 10 s\n",
  );
});

Deno.test("quiet: a partial result names what is missing, and why, on stderr", () => {
  const { terminal, tell } = open({ quiet: true });
  tell({ type: "step", message: "x" }, queueDone(), SKIPPED);
  tell({ type: "warning", message: "vhost \u0007 is closed", hint: "grant it" });
  tell(queueDone({ queue: "half", reason: "2 messages were with its consumers" }));
  tell(queueDone({ queue: "lost", outcome: "failed", reason: "it was deleted" }), summary());
  assert.deepEqual(terminal.stderr.text.split("\n"), [
    "Warning: vhost \\u{7} is closed",
    "Hint: grant it",
    "Not backed up:",
    "  - tmp\\u{1b} (shop): it is auto-delete (amqp://u:***@h)",
    "    Hint: leave it out",
    "  x lost: it was deleted",
    "Only in part backed up:",
    "  - half: 2 messages were with its consumers",
    "",
  ]);
  assert.match(terminal.stdout.text, /^! Backup nightly is PARTIAL: [^\n]*\n$/);
});

Deno.test("verbose in a pipe: every queue as it ends, also what is left out", () => {
  const { terminal, tell } = open({ verbosity: 1 });
  tell(queueDone(), SKIPPED);
  assert.deepEqual(terminal.stderr.text.split("\n"), [
    "  ok orders: 1,000 messages, 2.0 KiB, 2.5 s",
    "  - tmp\\u{1b} (shop): it is auto-delete (amqp://u:***@h)",
    "    Hint: leave it out",
    "",
  ]);
});

Deno.test("a result without a queue is never called complete", () => {
  const none = { queuesOk: 0, queuesSkipped: 0, messages: 0, bytes: 0, bytesStored: 0 };
  const cases: [Partial<SummaryEvent>, RegExp][] = [
    [{ outcome: "ok" }, /^! Backup nightly: nothing was selected; no queue was backed up$/m],
    [{ outcome: "partial" }, /^! Backup nightly is PARTIAL: nothing was selected; no queue/m],
    [{ outcome: "ok", operation: "restore" }, /^! Restore of nightly: nothing was selected; /m],
    [{ outcome: "ok", queuesSkipped: 2 }, /^! Backup nightly: nothing to back up; 2 queues left/m],
    [{ outcome: "partial", queuesFailed: 1 }, /^! Backup nightly is PARTIAL: 0 queues, /m],
    [{ outcome: "interrupted" }, /^! Backup nightly was interrupted: 0 queues, /m],
  ];
  for (const [more, expected] of cases) {
    const { terminal, tell } = open();
    tell(summary({ ...none, ...more }));
    assert.match(terminal.stdout.text, expected);
    assert.ok(!terminal.stdout.text.includes("complete"), terminal.stdout.text);
  }
});

Deno.test("terminal: queues are drawn in place, at most ten times a second, under what scrolls", () => {
  const { terminal, tell, reporter } = open(
    {},
    new FakeTerminal({ NO_COLOR: "1" }, { isTerminal: true }),
  );
  terminal.advance(1);
  tell(status(100));
  terminal.advance(0.05);
  tell(status(150));
  assert.deepEqual(terminal.stderr.screen(), [
    "  orders    reading    #...............  10 %  100 of 1,000",
    "10 % | 1 of 2 queues | 100 of 1,000 messages | 100/s | 100 KiB/s | 6.0 s left",
  ]);
  terminal.advance(0.05);
  tell(status(500), queueDone(), { type: "warning", message: "Careful", hint: "look" });
  assert.deepEqual(terminal.stderr.screen(), [
    "  ok orders: 1,000 messages, 2.0 KiB, 2.5 s",
    "Warning: Careful",
    "Hint: look",
    "  orders    reading    ########........  50 %  500 of 1,000",
    "50 % | 1 of 2 queues | 500 of 1,000 messages | 100/s | 100 KiB/s | 6.0 s left",
  ]);
  reporter.close();
  assert.equal(terminal.stderr.screen().length, 3);
});

Deno.test("terminal: lines are cut to the width, and more queues than rows are counted", () => {
  const terminal = new FakeTerminal({ NO_COLOR: "1", LANG: "C.UTF-8" }, { isTerminal: true });
  terminal.stderr.columns = 40;
  terminal.stderr.rows = 8;
  const { tell } = open({}, terminal);
  terminal.advance(1);
  const active = Array.from({ length: 20 }, (_, index) => ({
    ...status(0).active[0]!,
    queue: `a-long-queue-name-日本-${index}`,
  }));
  tell(status(100, { active }));
  const screen = terminal.stderr.screen();
  assert.equal(screen.length, 6);
  assert.equal(screen[4], "  … and 16 more");
  for (const line of screen) assert.ok([...line].length <= 39, line);
});

Deno.test("terminal: nothing is drawn for CI, TERM=dumb, or while the terminal is stopped", () => {
  for (const variables of [{ CI: "true" }, { TERM: "dumb" }]) {
    const { terminal, tell } = open({}, new FakeTerminal(variables, { isTerminal: true }));
    terminal.advance(1);
    tell(status(100));
    assert.equal(terminal.stderr.text, "");
  }
  const { terminal, tell } = open({}, new FakeTerminal({}, { isTerminal: true }));
  terminal.stderr.congested = true;
  terminal.advance(1);
  tell(status(100));
  assert.equal(terminal.stderr.text, "");
});

Deno.test("json: a line for each event, status by the interval and once more before the summary", () => {
  const { terminal, tell } = open({ json: true });
  tell(status(100));
  terminal.advance(30);
  tell(status(200), status(300), SKIPPED, {
    type: "warning",
    message: "w",
    queue: "q",
    vhost: "/",
  });
  tell({ type: "step", message: "s" }, summary({ possibleDuplicates: 2 }));
  const lines = jsonLines(terminal);
  assert.deepEqual(lines.map((line) => [line.message_type, line.messages_done]), [
    ["status", 200],
    ["queue_done", undefined],
    ["warning", undefined],
    ["step", undefined],
    ["status", 300],
    ["summary", undefined],
  ]);
  for (const line of lines) {
    assert.equal(line.v, 1);
    assert.equal(line.time, "2025-03-04T05:06:37.000Z");
  }
  assert.deepEqual(Object.keys(lines[0]!), [
    "message_type",
    "v",
    "time",
    "operation",
    "seconds_elapsed",
    "seconds_remaining",
    "percent_done",
    "queues_total",
    "queues_done",
    "messages_total",
    "messages_done",
    "bytes_done",
    "rate_msgs",
    "rate_bytes",
    "error_count",
    "current_queues",
  ]);
  assert.equal(lines[0]!.seconds_elapsed, 4);
  assert.deepEqual(lines[0]!.current_queues, [{
    vhost: "/",
    queue: "orders",
    phase: "reading",
    messages_done: 200,
    messages_total: 1000,
    bytes_done: 0,
  }]);
  const { time: _, ...done } = lines[1]!;
  assert.deepEqual(done, {
    message_type: "queue_done",
    v: 1,
    operation: "backup",
    vhost: "shop",
    queue: "tmp\u001b",
    queue_type: "quorum",
    outcome: "skipped",
    messages: 0,
    bytes: 2048,
    bytes_stored: 900,
    segments: 1,
    seconds_elapsed: 2.5,
    seconds_held: 1.25,
    return_method: "channel_close",
    delivery_attempts: 1,
    reason: "it is auto-delete (amqp://u:***@h)",
    hint: "leave it out",
  });
  const { time: __, ...end } = lines[5]!;
  assert.deepEqual(end, {
    message_type: "summary",
    v: 1,
    operation: "backup",
    backup_id: "nightly",
    location: "/backups",
    outcome: "partial",
    queues_ok: 1,
    queues_skipped: 1,
    queues_failed: 0,
    messages: 1000,
    bytes: 2048,
    bytes_stored: 1024,
    seconds_elapsed: 10,
    possible_duplicates: 2,
    exit_code: 3,
  });
  assert.equal(terminal.stderr.text, "");
});

Deno.test("json: the last status is told when the run ends with an error", () => {
  const { terminal, tell, reporter } = open({ json: true });
  tell(status(100));
  reporter.close();
  reporter.close();
  assert.equal(jsonLines(terminal).length, 1);
});

Deno.test("SIGUSR1 shows the status at once, in both forms", () => {
  const text = open();
  text.reporter.showStatus();
  text.tell(status(100));
  text.reporter.showStatus();
  assert.match(text.terminal.stderr.text, /^10 % \|.*\n$/);
  const json = open({ json: true });
  json.tell(status(100));
  json.reporter.showStatus();
  assert.equal(jsonLines(json.terminal)[0]!.message_type, "status");
});

Deno.test("restore: the summary says what may be there twice, and how to go on", () => {
  const { terminal, tell } = open();
  tell(summary({
    operation: "restore",
    outcome: "interrupted",
    possibleDuplicates: 4000,
    resumeCommand: "rabbitmq-backup restore -c r.yaml",
  }));
  assert.match(terminal.stdout.text, /^From +\/backups/);
  assert.match(terminal.stdout.text, /Twice +up to 4,000 messages may be there twice/);
  assert.match(terminal.stdout.text, /Go on with:\n {2}rabbitmq-backup restore -c r\.yaml/);
  assert.match(terminal.stdout.text, /Restore of nightly was interrupted/);
});
