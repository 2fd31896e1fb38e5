import { cliCommand } from "./cli.ts";

/** The tool on a terminal of its own: what it shows there, and keys to press. */
export class PtyRun implements AsyncDisposable {
  /** All that the terminal has shown, stdout and stderr in one. */
  screen = "";
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #shown: Promise<void>;
  #hasEnded = false;

  /** Starts the tool through util-linux `script`, which makes the terminal. */
  constructor(args: readonly string[]) {
    const words = [...cliCommand(), ...args];
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    // A shell that waits would get the Ctrl-C too, and end with a code of its own.
    const command = `exec ${quoted}`;
    this.#child = new Deno.Command("script", {
      // The exit code of the command; nothing said by script itself; no log.
      args: ["--return", "--quiet", "--command", command, "/dev/null"],
      env: { TERM: "xterm", NO_COLOR: "1", CI: "" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#shown = this.#show();
  }

  async type(text: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(text));
  }

  /** Waits until the terminal shows it; throws when the tool ends or time is up before. */
  async waitFor(pattern: RegExp, timeoutMs = 90_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!pattern.test(this.screen)) {
      if (this.#hasEnded || Date.now() > end) {
        throw new Error(`Cannot find ${pattern} on the terminal:\n${this.screen}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** The exit code. */
  async end(): Promise<number> {
    await this.#shown;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    await this.end();
    await this.#keys.close().catch(() => {}); // it may have ended
  }

  async #show(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.screen += decoder.decode(chunk, { stream: true });
    }
    this.#hasEnded = true;
  }
}
