import { writeSync } from "node:fs";
import process from "node:process";

/** Leaves the alternate screen and bracketed paste, shows the cursor, ends all colours. */
const RESTORE = "\u001b[?2026l\u001b[?2004l\u001b[?1049l\u001b[?25h\u001b[0m";

/**
 * Gives the terminal back when the process ends in a way that Ink does not see: an error that nobody
 * waited for, or an exit at once. On other ways Ink does it.
 */
export class TerminalGuard implements Disposable {
  readonly #restore = () => this.restore();
  #isDone = false;

  constructor() {
    // Before the listeners that report the error, so that it can be read.
    for (const type of EVENTS) globalThis.addEventListener(type, this.#restore, { capture: true });
  }

  /** Gives the terminal back now. */
  restore(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    try {
      if (process.stdin.isTTY) process.stdin.setRawMode(false);
      writeSync(1, RESTORE);
    } catch {
      // The terminal has gone.
    }
  }

  /** Ink has given it back. */
  [Symbol.dispose](): void {
    this.#isDone = true;
    for (const type of EVENTS) {
      globalThis.removeEventListener(type, this.#restore, { capture: true });
    }
  }
}

const EVENTS = ["unhandledrejection", "error", "unload"] as const;
