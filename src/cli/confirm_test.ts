import assert from "node:assert/strict";
import { confirm, isAsked } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { Output } from "./output/output.ts";

function contextOf(
  { isTerminal = true, json = false, flags = {} }: {
    isTerminal?: boolean;
    json?: boolean;
    flags?: Record<string, unknown>;
  } = {},
): { context: CommandContext; terminal: FakeTerminal } {
  const terminal = new FakeTerminal({}, { isTerminal });
  const options = { json, jsonLines: json, quiet: false, verbosity: 0, color: false };
  const output = new Output(terminal, options);
  const host = { terminal, invocation: "rabbitmq-backup", exit: () => {} };
  return { context: { host, output, argv: [], flags, positionals: [] }, terminal };
}

Deno.test("who is asked: a person at a terminal, unless told otherwise", () => {
  assert.equal(isAsked(contextOf().context), true);
  assert.equal(isAsked(contextOf({ isTerminal: false }).context), false);
  assert.equal(isAsked(contextOf({ json: true }).context), false);
  assert.equal(isAsked(contextOf({ flags: { yes: true } }).context), false);
  assert.equal(isAsked(contextOf({ flags: { noInput: true } }).context), false);
});

Deno.test("only yes is yes", async () => {
  for (const answer of ["y", "Y", "yes", " YES "]) {
    const { context, terminal } = contextOf();
    terminal.typed.push(answer);
    await confirm(context, "Restore?");
    assert.equal(terminal.stderr.text, "Restore? [y/N] ");
    assert.equal(terminal.stdout.text, "");
  }
  for (const answer of ["", "n", "no", "yep", "j", undefined]) {
    const { context, terminal } = contextOf();
    if (answer !== undefined) terminal.typed.push(answer);
    await assert.rejects(confirm(context, "Restore?"), { code: "declined" });
    assert.equal(terminal.stderr.text.endsWith("\n"), answer === undefined);
  }
});
