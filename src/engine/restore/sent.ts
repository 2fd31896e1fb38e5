/** What became of messages: bytes of their bodies, and messages in queues by the bindings. */
export interface Figures {
  readonly bytes: number;
  readonly copies: number;
  /** Messages that the target rejected, and that some of the queues behind an exchange may have. */
  readonly unsure: number;
}

/**
 * Figures of the messages of one publisher, up to any of those that are under way: they count what
 * the target has confirmed and kept, and not what was only sent.
 */
export class SentFigures {
  /** Sums up to each message, by its place; those far behind are written over. */
  readonly #bytes: Float64Array;
  readonly #copies: Float64Array;
  readonly #mask: number;
  #sent = 0;
  /** Of messages that were not taken, in front of the last place that was asked for. */
  #lost: Figures = { bytes: 0, copies: 0, unsure: 0 };
  /** The same, of those behind it. */
  readonly #ahead = new Map<number, Figures>();

  /** `window`: most messages between the last place that was asked for and the last one sent. */
  constructor(window: number) {
    const size = 2 ** Math.ceil(Math.log2(window + 2));
    this.#bytes = new Float64Array(size);
    this.#copies = new Float64Array(size);
    this.#mask = size - 1;
  }

  /** One more message is sent; `copies` is 0 where bindings do not tell. */
  add(bytes: number, copies: number): void {
    const before = this.#sent & this.#mask;
    const at = ++this.#sent & this.#mask;
    this.#bytes[at] = this.#bytes[before]! + bytes;
    this.#copies[at] = this.#copies[before]! + copies;
  }

  /** The target did not take the message at this place; `isUnsure`: one of several queues did not. */
  lose(place: number, { isUnsure }: { isUnsure: boolean }): void {
    const before = (place - 1) & this.#mask;
    const at = place & this.#mask;
    const copies = this.#copies[at]! - this.#copies[before]!;
    this.#ahead.set(place, {
      bytes: this.#bytes[at]! - this.#bytes[before]!,
      copies,
      // Where it was for one queue, that is the one which rejected it.
      unsure: isUnsure && copies !== 1 ? 1 : 0,
    });
  }

  /** The sums over what was taken up to a place; places never get smaller. */
  upTo(place: number): Figures {
    for (const [at, lost] of this.#ahead) {
      if (at > place) continue;
      this.#lost = {
        bytes: this.#lost.bytes + lost.bytes,
        copies: this.#lost.copies + lost.copies,
        unsure: this.#lost.unsure + lost.unsure,
      };
      this.#ahead.delete(at);
    }
    const { bytes, copies, unsure } = this.#lost;
    return {
      bytes: this.#bytes[place & this.#mask]! - bytes,
      copies: this.#copies[place & this.#mask]! - copies,
      unsure,
    };
  }
}
