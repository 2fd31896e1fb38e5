import chalk from "chalk";
import { render } from "ink";
import process from "node:process";
import type { TuiCall, TuiEnd } from "../src/console/tui_call.ts";
import { trapSignals } from "../src/console/signals.ts";
import { exitCodeOf } from "../src/console/exit_code.ts";
import { App } from "./app/app.tsx";
import { calmly } from "./app/calmly.ts";
import { ENGINE } from "./app/engine.ts";
import { Navigator } from "./app/navigator.ts";
import { Session } from "./app/session.ts";
import { TerminalGuard } from "./app/terminal_guard.ts";
import { TerminalInput } from "./app/terminal_input.ts";
import { openLog } from "./screens/log/screen.tsx";
import { openStart } from "./screens/start/screen.tsx";
import { themeOf } from "./theme/theme.ts";

/** What a screen reader reads changes no more often, milliseconds. */
const READ_EVERY_MS = 1_000;

/** Opens the UI on the terminal of this process, and resolves when it has left it as it was. */
export async function openTui(call: TuiCall): Promise<TuiEnd> {
  // 16 colours; whether any are used is the theme's affair, as bold and inverse are not colours.
  chalk.level = 1;
  using guard = new TerminalGuard(() => app.unmount());
  call.onError(() => guard.restore());
  const exitNow = (code: number) => {
    guard.restore();
    call.exit(code);
  };
  const navigator: Navigator = new Navigator({
    readOnly: call.readOnly,
    openLog: () => openLog(session.log),
    copy: (text) => void process.stdout.write(clipboard(text)),
    save: (line) => session.saveCommand(line),
    quit: () => app.unmount(),
    exitNow: () => exitNow(exitCodeOf("interrupted")),
  });
  const session: Session = new Session({ call, engine: ENGINE, navigator });
  using _signals = trapSignals({
    stop: ({ code }) => {
      session.exitCode = exitCodeOf(code);
      navigator.stopAndQuit();
    },
    stopNow: exitNow,
    status: () => {},
    change: () => {},
  });
  navigator.open(openStart(session));
  const isRead = call.env("INK_SCREEN_READER") === "true";
  // For a screen reader Ink draws each change at once, and all of it is read again.
  const subscribe = isRead ? calmly(navigator.subscribe, READ_EVERY_MS) : navigator.subscribe;
  const ui = <App navigator={navigator} theme={themeOf(call.style)} subscribe={subscribe} />;
  const app = render(ui, {
    // As far as Ink uses it, it is one.
    stdin: new TerminalInput() as unknown as typeof process.stdin,
    alternateScreen: !isRead,
    isScreenReaderEnabled: isRead,
    exitOnCtrlC: false,
    incrementalRendering: true,
    interactive: true,
    maxFps: 30,
  });
  try {
    await app.waitUntilExit();
  } finally {
    navigator.close();
  }
  return { exitCode: session.exitCode, lines: session.kept };
}

/** OSC 52: the terminal's own way to its clipboard, also over SSH. */
function clipboard(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return `\u001b]52;c;${btoa(String.fromCharCode(...bytes))}\u0007`;
}
