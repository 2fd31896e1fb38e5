import { Readable } from "node:stream";

/** More than is ever pasted at once. */
const READ_BYTES = 64 * 1024;

/**
 * What is typed, as Ink wants it. `process.stdin` opens the terminal's device anew to read it; where it
 * cannot (a chroot without `/proc` and `/dev/pts`) it reads in the main thread, which then stands
 * still until a key comes (Deno 2.9). `Deno.stdin` reads in a thread of its own everywhere.
 */
export class TerminalInput extends Readable {
  readonly isTTY = Deno.stdin.isTerminal();
  readonly #buffer = new Uint8Array(READ_BYTES);

  setRawMode(isRaw: boolean): this {
    Deno.stdin.setRaw(isRaw);
    return this;
  }

  /** Ink says by these whether input keeps the process alive; its end does not depend on that. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    void this.#next();
  }

  async #next(): Promise<void> {
    try {
      const length = await Deno.stdin.read(this.#buffer);
      this.push(length === null ? null : this.#buffer.slice(0, length));
    } catch {
      this.push(null); // the terminal has gone
    }
  }
}
