import { createHash } from "node:crypto";
import type { MessageHead } from "../message/message.ts";
import { encodeRecordHead, recordHeadSize, type RecordSink } from "./record.ts";

const BUFFER_BYTES = 128 * 1024;
/** Where flags and capture time stand in a record, and where they end. */
const CUT_START = 4;
const CUT_END = 13;

/**
 * Fingerprint of a queue's content: SHA-256 over its records in order, as they are stored, with
 * flags and capture time cut out of each (FORMAT.md, "Fingerprint"). Two reads of an unchanged
 * queue have the same one, unless the broker counts deliveries in a header.
 */
export class RecordFingerprint implements RecordSink {
  readonly #hash = createHash("sha256");
  // One call of the hash per record would cost more than the hashing.
  #buffer = new Uint8Array(BUFFER_BYTES);
  #filled = 0;

  head(head: MessageHead): void {
    const size = recordHeadSize(head);
    if (this.#filled + size > this.#buffer.length) this.#flush();
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    const start = this.#filled;
    const end = encodeRecordHead(head, this.#buffer, start);
    this.#buffer.copyWithin(start + CUT_START, start + CUT_END, end);
    this.#filled = end - (CUT_END - CUT_START);
  }

  body(chunk: Uint8Array): void {
    if (this.#filled + chunk.length > this.#buffer.length) this.#flush();
    if (chunk.length > this.#buffer.length) this.#hash.update(chunk);
    else {
      this.#buffer.set(chunk, this.#filled);
      this.#filled += chunk.length;
    }
  }

  end(): void {}

  /** The fingerprint as hex; nothing can be added behind it. */
  digest(): string {
    this.#flush();
    return this.#hash.digest("hex");
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }
}
