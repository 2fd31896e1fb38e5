import { join } from "node:path";
import { type TempDir, tempDir } from "./temp.ts";

const MAIN = join(import.meta.dirname ?? ".", "..", "..", "main.ts");

export interface TmuxOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The program in place of `main.ts`. */
  readonly program?: string;
  /** What the arguments are for, in place of Deno and a program. */
  readonly command?: readonly string[];
}

/** The tool in a terminal of tmux: what a person sees there, and keys to press. */
export class TmuxRun implements AsyncDisposable {
  #state: TempDir | undefined;
  readonly #socket = `rabbitmq-backup-test-${crypto.randomUUID()}`;

  static async start(args: readonly string[], options: TmuxOptions = {}): Promise<TmuxRun> {
    const { columns = 80, rows = 24, env = {}, program = MAIN, cwd } = options;
    const terminal = new TmuxRun();
    const { command: front = [Deno.execPath(), "run", "-A", program] } = options;
    const words = [...front, ...args];
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    // What stands behind the end tells how the terminal was left.
    const command =
      `${quoted}; echo "code $?"; stty -a | grep -Eo -- ' -?(icanon|echo)\\b'; exec sleep 600`;
    const size = ["-x", String(columns), "-y", String(rows)];
    const folder = cwd === undefined ? [] : ["-c", cwd];
    // What it remembers of configurations is no test's affair.
    terminal.#state = await tempDir();
    const state = { XDG_STATE_HOME: terminal.#state.path };
    const all = { LANG: "C.UTF-8", NO_COLOR: "", CI: "", ...state, ...env };
    const variables = Object.entries(all).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "-u",
      "new-session",
      "-d",
      ...size,
      ...folder,
      ...variables,
      command,
    );
    return terminal;
  }

  /** Presses keys as tmux names them: `Enter`, `C-c`, `Down`; other words are typed. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.#tmux("send-keys", "--", key);
      // Esc and a key at the same moment are another key.
      if (key === "Escape") await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", text);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** What is seen; with `colors`, its escape sequences as well. */
  async screen({ colors = false, history = false } = {}): Promise<string> {
    const flags = [...colors ? ["-e"] : [], ...history ? ["-S", "-"] : []];
    return await this.#tmux("capture-pane", "-p", ...flags);
  }

  /** Waits until the screen shows it, and returns the screen; throws when time is up before. */
  async waitFor(pattern: RegExp, timeoutMs = 30_000): Promise<string> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const screen = await this.screen();
      if (pattern.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`Cannot find ${pattern} on the screen:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** From now on the program can put text into the clipboard. */
  async allowClipboard(): Promise<void> {
    await this.#tmux("set-option", "-s", "set-clipboard", "on");
  }

  /** What the program has put into the clipboard. */
  async clipboard(): Promise<string> {
    return await this.#tmux("show-buffer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server");
    await this.#state?.[Symbol.asyncDispose]();
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-L", this.#socket, ...args],
    }).output();
    if (code !== 0) {
      throw new Error(`tmux ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    }
    return new TextDecoder().decode(stdout);
  }
}
