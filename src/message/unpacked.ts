import { AppError } from "../errors.ts";

/** What a compressed batch unpacks to, its size known beforehand; nothing is written past that. */
export class Unpacked {
  readonly bytes: Uint8Array;
  #end = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** @throws {AppError} `failed` when there is more than was said. */
  literal(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.bytes.set(bytes, at);
  }

  /**
   * Copies what stands `distance` bytes back; it may reach into what it writes.
   *
   * @throws {AppError} `failed`
   */
  match(distance: number, length: number): void {
    const from = this.#end - distance;
    if (distance === 0 || from < 0) throw damagedBatch("it refers to what is in front of it");
    const at = this.#grow(length);
    for (let copied = 0; copied < length; copied++) {
      this.bytes[at + copied] = this.bytes[from + copied]!;
    }
  }

  /** @throws {AppError} `failed` when there is less than was said. */
  finish(): Uint8Array {
    if (this.#end !== this.bytes.length) throw damagedBatch("it unpacks to less than it says");
    return this.bytes;
  }

  #grow(length: number): number {
    const at = this.#end;
    this.#end += length;
    if (this.#end > this.bytes.length) throw damagedBatch("it unpacks to more than it says");
    return at;
  }
}

export function damagedBatch(what: string): AppError {
  return new AppError("failed", `Cannot unpack a batch: ${what}`);
}
