import type { PartBudget } from "./part_budget.ts";

/** As much of an object is collected before room for a part is asked for: most manifests. */
const SMALL_BYTES = 64 * 1024;

/** A part; its memory counts in the budget until {@linkcode release}. */
export interface Part {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
  release(): void;
}

/**
 * Copies a stream into parts of `sizeOf(index)` bytes, the last one smaller, and at least one. What
 * is larger than a small object waits for its turn in the budget.
 */
export async function* partsOf(
  source: AsyncIterable<Uint8Array>,
  options: { budget: PartBudget; sizeOf: (index: number) => number; signal: AbortSignal },
): AsyncGenerator<Part, void, void> {
  const { budget, sizeOf, signal } = options;
  let index = 0;
  let part = new OpenPart(budget, sizeOf(index));
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length;) {
        // Only now is it known that this part is not the last.
        if (part.isFull) {
          yield part.close(false);
          part = new OpenPart(budget, sizeOf(++index));
        }
        at += await part.add(chunk.subarray(at), signal);
      }
    }
    yield part.close(true);
  } finally {
    part.discard();
  }
}

class OpenPart {
  readonly #budget: PartBudget;
  readonly #size: number;
  #memory: Uint8Array = new Uint8Array(SMALL_BYTES);
  #length = 0;
  #hasRoom = false;
  #isClosed = false;

  constructor(budget: PartBudget, size: number) {
    this.#budget = budget;
    this.#size = size;
  }

  get isFull(): boolean {
    return this.#length === this.#size;
  }

  /** Copies as much as fits; returns how much that was. */
  async add(bytes: Uint8Array, signal: AbortSignal): Promise<number> {
    if (this.#length + bytes.length > SMALL_BYTES && !this.#hasRoom) {
      const small = this.#memory;
      this.#memory = await this.#budget.acquire(this.#size, signal);
      this.#hasRoom = true;
      this.#memory.set(small.subarray(0, this.#length));
    }
    const taken = bytes.subarray(0, this.#size - this.#length);
    this.#memory.set(taken, this.#length);
    this.#length += taken.length;
    return taken.length;
  }

  close(isLast: boolean): Part {
    this.#isClosed = true;
    return {
      bytes: this.#memory.subarray(0, this.#length),
      isLast,
      release: () => this.#release(),
    };
  }

  discard(): void {
    if (!this.#isClosed) this.#release();
  }

  #release(): void {
    if (this.#hasRoom) this.#budget.release(this.#memory);
    this.#hasRoom = false;
    this.#memory = new Uint8Array(0);
  }
}
