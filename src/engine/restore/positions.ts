import type { RecordRange } from "../../checkpoint/rows.ts";

/**
 * Where a queue's restore stands, in chosen messages of its backup counted from 1 ("records"), while
 * the publisher counts those that it was given: some can go nowhere.
 */
export class Positions {
  /** Records up to the first message that was published. */
  readonly #start: number;
  /** Behind how many messages records were passed over, and how many in all up to there. */
  #gaps: { behind: number; passed: number }[] = [];
  /** What the gaps that are forgotten came to. */
  #forgotten = 0;

  constructor(start: number) {
    this.#start = start;
  }

  /** The next record is not published; `sent` messages were before it. */
  passOver(sent: number): void {
    const last = this.#gaps.at(-1);
    if (last?.behind === sent) last.passed++;
    else this.#gaps.push({ behind: sent, passed: (last?.passed ?? this.#forgotten) + 1 });
  }

  /** The record that was the publisher's message of this number. */
  recordOf(message: number): number {
    const gap = this.#gaps.findLast(({ behind }) => behind < message);
    return this.#start + message + (gap?.passed ?? this.#forgotten);
  }

  /** The last record that is done with when this many messages are confirmed. */
  doneWith(confirmed: number): number {
    if (this.#gaps.length === 0) return this.#start + confirmed + this.#forgotten;
    const gap = this.#gaps.findLast(({ behind }) => behind <= confirmed);
    return this.#start + confirmed + (gap?.passed ?? this.#forgotten);
  }

  /** Nothing before the message behind `confirmed` is asked for any more. */
  forget(confirmed: number): void {
    const kept = this.#gaps.findIndex(({ behind }) => behind >= confirmed);
    const gone = this.#gaps.splice(0, kept === -1 ? this.#gaps.length : kept);
    this.#forgotten = gone.at(-1)?.passed ?? this.#forgotten;
  }
}

/** Records whose messages the target did not take, until their place is recorded. */
export class UndeliveredRecords {
  /** How many there were in all. */
  count = 0;
  #records: number[] = [];

  add(record: number): void {
    this.#records.push(record);
    this.count++;
  }

  /** How many of them there were up to `record`. */
  upTo(record: number): number {
    if (this.#records.length === 0) return this.count;
    return this.count - this.#records.filter((one) => one > record).length;
  }

  /** Gives those up to `record` away. Later ones may be published once more after a crash. */
  take(record: number): RecordRange[] {
    if (this.#records.length === 0) return [];
    const taken = this.#records.filter((one) => one <= record).sort((a, b) => a - b);
    this.#records = this.#records.filter((one) => one > record);
    const ranges: RecordRange[] = [];
    for (const one of taken) {
      const last = ranges.at(-1);
      if (last?.last === one - 1) last.last = one;
      else ranges.push({ first: one, last: one });
    }
    return ranges;
  }

  /** Forgets those that were not taken: they are published again. Returns how many they were. */
  drop(): number {
    const dropped = this.#records.length;
    this.count -= dropped;
    this.#records = [];
    return dropped;
  }
}
