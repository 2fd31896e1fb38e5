import { writeSync } from "node:fs";

/** Leaves the alternate screen and bracketed paste, shows the cursor, ends all colours. */
const RESTORE = "\u001b[?2026l\u001b[?2004l\u001b[?1049l\u001b[?25h\u001b[0m";

/**
 * Gives the terminal back when the process ends in a way that does not go through the UI: an error
 * that nobody waited for, or an exit at once.
 */
export class TerminalGuard implements Disposable {
  readonly #restore = () => this.restore();
  readonly #leave: () => void;
  #isDone = false;

  /** `leave` is the way that Ink knows of; what it does not do is done behind it. */
  constructor(leave: () => void) {
    this.#leave = leave;
    globalThis.addEventListener("unload", this.#restore);
  }

  /** Gives the terminal back now. */
  restore(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    try {
      this.#leave();
    } catch {
      this.#restoreByHand();
    }
  }

  /** Ink has given it back. */
  [Symbol.dispose](): void {
    this.#isDone = true;
    globalThis.removeEventListener("unload", this.#restore);
  }

  #restoreByHand(): void {
    try {
      if (Deno.stdin.isTerminal()) Deno.stdin.setRaw(false);
      writeSync(1, RESTORE);
    } catch {
      // The terminal has gone.
    }
  }
}
