import { messageOf } from "../errors.ts";
import type { BandwidthLimit } from "./bandwidth.ts";
import type { SilenceWatch } from "./silence_watch.ts";

/** The service did not answer, or stopped in the middle; trying again may help. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
}

/** What an answer came with. */
export interface HttpAnswerParts {
  readonly method: string;
  readonly status: number;
  readonly headers: Headers;
  readonly pieces: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly watch: SilenceWatch;
  readonly bandwidth: BandwidthLimit | undefined;
  /** Ends the connection, which has something left in it. */
  cut(): void;
}

/** Largest piece of a body that is handed on. */
const PIECE_BYTES = 512 * 1024;
/** As much as this runtime hands on at once. */
const READ_BYTES = 64 * 1024;
/** More than this of a body that nobody wants is not waited for. */
const DISCARD_BYTES = 64 * 1024;

/** An answer, whose body is read once. */
export class HttpAnswer {
  readonly #parts: HttpAnswerParts;

  constructor(parts: HttpAnswerParts) {
    this.#parts = parts;
  }

  get status(): number {
    return this.#parts.status;
  }

  get headers(): Headers {
    return this.#parts.headers;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /**
   * The pieces of the body; one that is shorter than was said is an {@linkcode HttpFailure}. With
   * `reuseMemory` a piece is valid only until the next is asked for.
   */
  async *body({ reuseMemory = false } = {}): AsyncGenerator<Uint8Array, void, void> {
    const { pieces, watch, bandwidth } = this.#parts;
    const expected = this.#expectedBytes();
    const isStream = pieces instanceof ReadableStream;
    const source = reuseMemory && isStream ? inOneBuffer(pieces) : pieces;
    const reader = source[Symbol.asyncIterator]();
    let received = 0;
    let isWhole = false;
    try {
      for (;;) {
        watch.arm();
        const { done, value } = await reader.next();
        watch.disarm();
        if (done) break;
        received += value.length;
        await bandwidth?.take(value.length, watch.signal);
        for (let at = 0; at < value.length; at += PIECE_BYTES) {
          yield value.subarray(at, at + PIECE_BYTES);
        }
      }
      if (expected !== undefined && received < expected) {
        throw new HttpFailure(`the answer ended after ${received} of ${expected} bytes`);
      }
      isWhole = true;
    } catch (error) {
      watch.signal?.throwIfAborted();
      throw httpFailure(watch.reason ?? error, "the service");
    } finally {
      watch[Symbol.dispose]();
      if (!isWhole) this.#parts.cut();
    }
  }

  async text(): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of this.body()) text += decoder.decode(piece, { stream: true });
    return text + decoder.decode();
  }

  /** Ends an answer whose body nobody wants. */
  async discard(): Promise<void> {
    if ((this.#expectedBytes() ?? Infinity) > DISCARD_BYTES) {
      this.#parts.watch[Symbol.dispose]();
      return this.#parts.cut();
    }
    try {
      for await (const _ of this.body());
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
    }
  }

  #expectedBytes(): number | undefined {
    const { method, headers } = this.#parts;
    if (method === "HEAD" || this.status === 204 || this.status === 304) return 0;
    const length = headers.get("content-length");
    return length === null ? undefined : Number(length);
  }
}

/** A stream of bytes, read into the same memory again and again. */
async function* inOneBuffer(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader({ mode: "byob" });
  let memory = new ArrayBuffer(READ_BYTES);
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(memory));
    if (done) return;
    yield value;
    memory = value.buffer;
  }
}

/** URLs in messages may hold a signature. */
export function httpFailure(error: unknown, url: string): HttpFailure {
  if (error instanceof HttpFailure) return error;
  const host = URL.canParse(url) ? new URL(url).host : url;
  // What fetch says itself repeats the URL, or says nothing.
  const { cause = error } = error as { cause?: unknown };
  const text = messageOf(cause).replace(/^error sending request for url \([^)]*\): /, "")
    .replace(/\bhttps?:\/\/[^\s)]+/g, (found) => found.split("?")[0]!);
  return new HttpFailure(`${host}: ${text}`);
}
