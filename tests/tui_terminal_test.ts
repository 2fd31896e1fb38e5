// deno-lint-ignore-file no-control-regex
/** The terminal is given back as it was, however the user interface ends. No broker is needed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TempDir, tempDir } from "./helpers/temp.ts";
import { TmuxRun } from "./helpers/tmux.ts";

const MAIN = join(import.meta.dirname ?? ".", "..", "main.ts");
const FAILING = join(import.meta.dirname ?? ".", "helpers", "tui_that_fails.ts");

/** Nothing listens there: the first frame has to come without an answer. */
async function configIn(folder: TempDir): Promise<string[]> {
  const text = `source: { amqp_url: "amqp://guest:guest@127.0.0.1:1" }\nstorage: ${folder.path}\n`;
  return ["tui", "--config", await folder.write("tui.yaml", text)];
}

async function assertGivenBack(terminal: TmuxRun, code: number): Promise<string> {
  const screen = await terminal.waitFor(/^code \d+\n -?icanon\n -?echo$/m);
  assert.match(screen, new RegExp(`^code ${code}\n icanon\n echo$`, "m"));
  assert.doesNotMatch(screen, /› Back up/); // what the alternate screen had
  return screen;
}

for (
  const [how, end, code] of [
    ["q", (terminal: TmuxRun) => terminal.press("q"), 0],
    ["Ctrl-C", (terminal: TmuxRun) => terminal.press("C-c"), 0],
  ] as const
) {
  Deno.test(`the terminal is as it was after ${how}`, async () => {
    await using folder = await tempDir();
    await using terminal = await TmuxRun.start(await configIn(folder));
    await terminal.waitFor(/› Back up/);
    await end(terminal);
    await assertGivenBack(terminal, code);
  });
}

for (
  const [way, code, shown] of [
    ["throw", 1, /Error: boom from a timer/],
    ["reject", 1, /Error: boom from a promise/],
    ["exit", 42, /code/],
  ] as const
) {
  Deno.test(`the terminal is as it was after an error that nobody waited for (${way})`, async () => {
    await using folder = await tempDir();
    await using terminal = await TmuxRun.start(await configIn(folder), {
      program: FAILING,
      env: { TUI_FAILS_BY: way },
    });
    await terminal.waitFor(/› Back up/);
    assert.match(await assertGivenBack(terminal, code), shown);
  });
}

Deno.test("the program opens it without arguments on a terminal, and resizes with it", async () => {
  await using folder = await tempDir();
  await using terminal = await TmuxRun.start([], {
    env: {
      RABBITMQ_BACKUP_AMQP_URL: "amqp://guest:guest@127.0.0.1:1",
      RABBITMQ_BACKUP_PATH: folder.path,
    },
  });
  await terminal.waitFor(/Cannot .*127\.0\.0\.1/);
  await terminal.resize(59, 24);
  await terminal.waitFor(/This terminal has 59 x 24/);
  await terminal.resize(60, 20);
  const screen = await terminal.waitFor(/q quit/);
  assert.ok(screen.split("\n").every((line) => line.length <= 60));
  await terminal.press("?");
  await terminal.waitFor(/begin what the cursor is on/);
  await terminal.press("Escape", "q");
  await assertGivenBack(terminal, 0);
});

Deno.test("NO_COLOR takes the colours, and leaves what is bold and inverse", async () => {
  await using folder = await tempDir();
  const args = await configIn(folder);
  for (const value of ["", "1"]) {
    await using terminal = await TmuxRun.start(args, { env: { NO_COLOR: value } });
    await terminal.waitFor(/› Back up/);
    const screen = await terminal.screen({ colors: true });
    assert.equal(/\u001b\[[\d;]*3[0-7]m/.test(screen), value === "");
    assert.match(screen, /\u001b\[1m/);
    assert.match(screen, /\u001b\[(\d+;)*7m/);
  }
});

Deno.test("for a screen reader there is text in words, and no alternate screen", async () => {
  await using folder = await tempDir();
  const env = { INK_SCREEN_READER: "true" };
  await using terminal = await TmuxRun.start(await configIn(folder), { env });
  await terminal.waitFor(/^listitem: \(selected\) Back up: choose queues/m);
  await terminal.press("j");
  const screen = await terminal.waitFor(/^listitem: \(selected\) Restore: /m);
  assert.doesNotMatch(screen, /[─›]/);
  await terminal.press("c");
  await terminal.waitFor(/^textbox: \(selected\) Broker: /m);
  await terminal.press("Escape", "q");
  await terminal.waitFor(/^code 0$/m);
});

Deno.test("a terminal that says it is none, or a script's: which of the two is told", async () => {
  await using folder = await tempDir();
  for (
    const [name, value, reason] of [["TERM", "dumb", /TERM=dumb/], [
      "CI",
      "true",
      /CI is set/,
    ]] as const
  ) {
    const command = ["env", `${name}=${value}`, Deno.execPath(), "run", "-A", MAIN];
    await using terminal = await TmuxRun.start(await configIn(folder), { command, columns: 120 });
    assert.match(await terminal.waitFor(/^code 2$/m), reason);
  }
});
