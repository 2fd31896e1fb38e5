const encoder = new TextEncoder();

/** Finds a text in bytes that come in pieces, split anywhere. Upper and lower case of A to Z are alike. */
export class TextSearch {
  readonly #wanted: Uint8Array;
  /** The last bytes of what came before, which may be the beginning of what is wanted. */
  #tail: Uint8Array = new Uint8Array(0);
  #isFound = false;

  constructor(text: string) {
    this.#wanted = lowered(encoder.encode(text));
  }

  /** Whether the text is in all of these. */
  isIn(bytes: Uint8Array): boolean {
    return indexIn(lowered(bytes), this.#wanted) >= 0;
  }

  /** Begins with other bytes. */
  begin(): void {
    this.#tail = new Uint8Array(0);
    this.#isFound = false;
  }

  /** Whether the text is in the pieces since {@linkcode begin}. */
  push(piece: Uint8Array): boolean {
    if (this.#isFound) return true;
    const bytes = new Uint8Array(this.#tail.length + piece.length);
    bytes.set(this.#tail);
    bytes.set(lowered(piece), this.#tail.length);
    this.#isFound = indexIn(bytes, this.#wanted) >= 0;
    this.#tail = bytes.slice(Math.max(0, bytes.length - this.#wanted.length + 1));
    return this.#isFound;
  }
}

function indexIn(bytes: Uint8Array, wanted: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(wanted);
}

/** A copy in which A to Z are a to z; no byte of a longer UTF-8 sequence is one of these. */
function lowered(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    result[at] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
  return result;
}
