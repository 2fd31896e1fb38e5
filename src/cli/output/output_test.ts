import assert from "node:assert/strict";
import { AppError } from "../../errors.ts";
import { fakeOutput, FakeTerminal } from "../fake_terminal.ts";
import type { OutputOptions } from "./output.ts";

function open(options: Partial<OutputOptions> = {}) {
  const terminal = new FakeTerminal();
  return { terminal, output: fakeOutput(terminal, options) };
}

const ERROR = new AppError("broker_denied", "Cannot log in as amqp://me:hunter2@mq: \u001b[2Jno", {
  hint: "check the password",
  cause: new Error("403", { cause: new Error("ACCESS_REFUSED") }),
});

Deno.test("Output.error() says message and hint on stderr, safe, and returns the exit code", () => {
  const { terminal, output } = open({ quiet: true });
  assert.equal(output.error(ERROR), 5);
  assert.equal(
    terminal.stderr.text,
    "Error: Cannot log in as amqp://me:***@mq: \\u{1b}[2Jno\nHint: check the password\n",
  );
  assert.equal(terminal.stdout.text, "");
});

Deno.test("Output.error() shows causes with -v and the stack with -vv", () => {
  const once = open({ verbosity: 1 });
  once.output.error(ERROR);
  assert.match(once.terminal.stderr.text, /Caused by: 403\nCaused by: ACCESS_REFUSED\n$/);
  const twice = open({ verbosity: 2 });
  twice.output.error(ERROR);
  assert.match(twice.terminal.stderr.text, /output_test\.ts/);
});

Deno.test("Output.error() with --json is a line on stdout as well", () => {
  const { terminal, output } = open({ json: true });
  output.error(ERROR);
  assert.deepEqual(JSON.parse(terminal.stdout.text), {
    message_type: "error",
    v: 1,
    time: "2025-03-04T05:06:07.000Z",
    code: "broker_denied",
    exit_code: 5,
    message: "Cannot log in as amqp://me:***@mq: \u001b[2Jno",
    hint: "check the password",
    causes: ["403", "ACCESS_REFUSED"],
  });
  assert.match(terminal.stderr.text, /^Error: /);
});

Deno.test("Output.error() takes what was not foreseen as failed, and a stop as no error", () => {
  const unforeseen = open();
  assert.equal(unforeseen.output.error(new TypeError("x is not a function")), 1);
  assert.match(unforeseen.terminal.stderr.text, /x is not a function\nHint: this was not foreseen/);
  const stopped = open();
  assert.equal(stopped.output.error(new AppError("interrupted", "Stopped by Ctrl-C")), 130);
  assert.equal(stopped.terminal.stderr.text, "Stopped by Ctrl-C\n");
});

Deno.test("Output.warning() and note() keep quiet when asked to, and leave stdout alone", () => {
  const loud = open();
  loud.output.note("note");
  loud.output.warning({ message: "careful\u0007", hint: "look" });
  assert.equal(loud.terminal.stderr.text, "note\nWarning: careful\\u{7}\nHint: look\n");
  assert.equal(loud.terminal.stdout.text, "");
  const quiet = open({ quiet: true });
  quiet.output.note("note");
  quiet.output.warning({ message: "careful" });
  assert.equal(quiet.terminal.stderr.text, "");
});
