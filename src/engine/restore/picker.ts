import type { MessageHead } from "../../message/message.ts";
import type { OffsetQueue } from "./offset_windows.ts";
import { judgeOf, type MessageSelection } from "./selection.ts";

/** Records of a queue that were passed over. */
export interface Passed {
  readonly leftOut: number;
  /** Of these, how many had no timestamp to go by. */
  readonly untimed: number;
}

/**
 * Picks the messages of one queue, record by record, and knows how many were passed over on the way to
 * any of them: a restore goes on behind the last confirmed message, which is not the last one read.
 */
export class MessagePicker {
  /** Messages picked, from the beginning of the queue on. */
  taken: number;
  #now: Passed;
  readonly #limit: number;
  readonly #judge: ReturnType<typeof judgeOf>;
  /** Where messages were passed over: how many came before, and what was passed when they were. */
  readonly #marks: { taken: number; passed: Passed }[] = [];
  #behind: Passed;

  /** `from`: where an earlier run has got to with the queue. */
  constructor(
    { selection, entry }: { selection: MessageSelection; entry: OffsetQueue },
    from: Passed & { taken: number },
  ) {
    this.taken = from.taken;
    this.#now = this.#behind = { leftOut: from.leftOut, untimed: from.untimed };
    this.#limit = selection.limit;
    this.#judge = judgeOf(selection, entry);
  }

  /** Whether no further message will be picked, as the limit is reached. */
  get isFull(): boolean {
    return this.taken >= this.#limit;
  }

  /** All that was passed over so far. */
  get passed(): Passed {
    return this.#now;
  }

  /** Whether the next record is to be published. */
  takes(head: MessageHead): boolean {
    const verdict = this.isFull ? "leave" : this.#judge?.(head) ?? "take";
    if (verdict === "take") {
      this.taken++;
      return true;
    }
    const { leftOut, untimed } = this.#now;
    this.#now = { leftOut: leftOut + 1, untimed: untimed + (verdict === "untimed" ? 1 : 0) };
    const last = this.#marks.at(-1);
    if (last?.taken === this.taken) last.passed = this.#now;
    else this.#marks.push({ taken: this.taken, passed: this.#now });
    return false;
  }

  /** What was passed over up to the message behind the first `taken`; `taken` never gets smaller. */
  passedBy(taken: number): Passed {
    let next = this.#marks[0];
    while (next !== undefined && next.taken <= taken) {
      this.#behind = next.passed;
      this.#marks.shift();
      next = this.#marks[0];
    }
    return this.#behind;
  }
}
