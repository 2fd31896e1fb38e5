import type { BackupQueueRow, SegmentRow } from "../../checkpoint/rows.ts";
import type { BackupContext } from "../backup/queue.ts";
import { jobOf, storeSegment } from "../packing/store_spooled.ts";
import type { SpooledStreamSegment } from "./chunk_spool.ts";

/** Segments of one stream that may wait to be stored while reading goes on. */
export const SEGMENTS_AHEAD = 2;

/** One stream of a backup, as far as storing goes. */
export interface StoringWork {
  readonly row: BackupQueueRow;
  /** Segments in storage, in order. */
  readonly segments: (SegmentRow & { spooled: SpooledStreamSegment })[];
}

/** Stores segments one after the other, in order, while the next ones are read. */
export class Storing {
  readonly #context: BackupContext;
  readonly #work: StoringWork;
  readonly #abort: AbortController;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();
  #room: PromiseWithResolvers<void> | undefined;

  constructor(context: BackupContext, item: { work: StoringWork; abort: AbortController }) {
    this.#context = context;
    this.#work = item.work;
    this.#abort = item.abort;
  }

  add(spooled: SpooledStreamSegment, sequence: number): void {
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      if (!this.#abort.signal.aborted) await this.#store(spooled, sequence);
      this.#waiting--;
      this.#room?.resolve();
      this.#room = undefined;
    }).catch((error) => {
      this.#abort.abort(error);
      this.#room?.reject(error);
    });
  }

  /** Undefined while there is room for more; else a promise of it. */
  room(): Promise<void> | undefined {
    if (this.#waiting < SEGMENTS_AHEAD) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** When nothing is being stored any more. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #store(spooled: SpooledStreamSegment, sequence: number): Promise<void> {
    const { checkpoint, run, signal } = this.#context;
    const { row, segments } = this.#work;
    const job = jobOf(this.#context, { row, segment: { spooled }, firstDeliveryTag: 1 });
    const stored = await storeSegment(this.#context, {
      row,
      segment: { sequence, spooled },
      job,
      losses: new Set(),
      signal,
    });
    const segment = { sequence, spooled, stored };
    checkpoint.putSegment(run.id, row, segment);
    segments.push(segment);
    Deno.removeSync(spooled.file);
  }
}
