/** A stream that text goes to. Writing never waits and never throws. */
export interface OutputStream {
  readonly isTerminal: boolean;
  /** Width and height of the terminal; 80 by 24 where there is none. */
  size(): { columns: number; rows: number };
  write(text: string): void;
  /** Whether the reader is behind: what can be left out should be. */
  readonly congested: boolean;
  /** Resolves when all that was written has left, or cannot. */
  flush(): Promise<void>;
  /** Why some of it could not be written, such as a full disk; not that the reader has gone. */
  readonly failure: Error | undefined;
}

/** The program's surroundings. Tests put their own in place. */
export interface Terminal {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Whether somebody is there to be asked: stdin and stderr are a terminal. */
  readonly canAsk: boolean;
  /** The next line that is typed, without its end; undefined when there is none, or on abort. */
  readLine(options: { signal: AbortSignal }): Promise<string | undefined>;
  /** Looks up an environment variable. */
  readonly env: (name: string) => string | undefined;
  now(): Date;
}

/** The surroundings of this process. */
export function processTerminal(): Terminal {
  const queue = new WriteQueue();
  return {
    stdout: new ProcessStream(Deno.stdout, queue),
    stderr: new ProcessStream(Deno.stderr, queue),
    canAsk: Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
    readLine,
    env: (name) => Deno.env.get(name),
    now: () => new Date(),
  };
}

/** A read that is given up stays open: the process ends all the same (`main.ts`). */
async function readLine({ signal }: { signal: AbortSignal }): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1024);
  const aborted = new Promise<null>((resolve) =>
    signal.addEventListener("abort", () => resolve(null), { once: true })
  );
  for (let line = ""; !signal.aborted;) {
    const read = await Promise.race([Deno.stdin.read(buffer), aborted]);
    if (read === null) return undefined;
    line += decoder.decode(buffer.subarray(0, read), { stream: true });
    const end = line.indexOf("\n");
    if (end >= 0) return line.slice(0, end).replace(/\r$/, "");
  }
  return undefined;
}

const CONGESTED_BYTES = 64 * 1024;

/** A stream of this process, written to through the queue that keeps the order of both. */
class ProcessStream implements OutputStream {
  readonly isTerminal: boolean;
  readonly #target: StandardStream;
  readonly #queue: WriteQueue;

  constructor(target: StandardStream, queue: WriteQueue) {
    this.#target = target;
    this.#queue = queue;
    this.isTerminal = target.isTerminal();
  }

  size() {
    try {
      return Deno.consoleSize();
    } catch {
      return { columns: 80, rows: 24 };
    }
  }

  get congested(): boolean {
    return this.#queue.pendingBytes > CONGESTED_BYTES;
  }

  write(text: string): void {
    if (text !== "") this.#queue.push(this.#target, new TextEncoder().encode(text));
  }

  flush(): Promise<void> {
    return this.#queue.idle();
  }

  get failure(): Error | undefined {
    const failure = this.#queue.lost.get(this.#target);
    return failure instanceof Deno.errors.BrokenPipe ? undefined : failure;
  }
}

type StandardStream = typeof Deno.stdout;

/**
 * Writes in the background, in order. A terminal that is stopped with Ctrl-S, or a pipe that nobody
 * reads, must not keep heartbeats from being answered while messages are held.
 *
 * When the reader of a stream has gone (EPIPE) the rest for it is dropped: a backup is worth
 * finishing without it.
 */
class WriteQueue {
  pendingBytes = 0;
  readonly #queue: { target: StandardStream; bytes: Uint8Array }[] = [];
  /** Streams that take no more, and why. */
  readonly lost = new Map<StandardStream, Error>();
  #writing: Promise<void> | undefined;

  push(target: StandardStream, bytes: Uint8Array): void {
    this.#queue.push({ target, bytes });
    this.pendingBytes += bytes.length;
    this.#writing ??= this.#drain();
  }

  async idle(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      await this.#writeAll(next.target, next.bytes);
      this.pendingBytes -= next.bytes.length;
    }
    this.#writing = undefined;
  }

  async #writeAll(target: StandardStream, bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length && !this.lost.has(target);) {
      try {
        offset += await target.write(bytes.subarray(offset));
      } catch (error) {
        // A pipe that another process set to non-blocking, and that is full.
        if (!(error instanceof Deno.errors.WouldBlock)) this.lost.set(target, error as Error);
        else await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}
