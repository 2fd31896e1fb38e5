import PQueue from "p-queue";
import type { SegmentEntry } from "../../archive/manifest.ts";
import type { BackupQueueRow, SegmentRow } from "../../checkpoint/rows.ts";
import type { BackupContext } from "../backup/queue.ts";
import { jobOf, storeSegment } from "../packing/store_spooled.ts";
import type { QueueWork } from "../progress.ts";
import type { SpooledStreamSegment } from "./chunk_spool.ts";

/** Segments of one stream that may wait to be stored while reading goes on. */
export const SEGMENTS_AHEAD = 3;
/** Of these, segments that are packed and stored at the same time. */
const SEGMENTS_AT_ONCE = 2;

/**
 * Runs `read`, which hands segments over, until all of them are stored and recorded. When either fails,
 * the other is stopped and that error is thrown.
 */
export async function whileStoring(
  context: BackupContext,
  work: StoringWork,
  read: (context: BackupContext, storing: Storing, abort: AbortController) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const signal = AbortSignal.any([context.signal, abort.signal]);
  const storing = new Storing({ ...context, signal }, { work, abort });
  try {
    await read({ ...context, signal }, storing, abort);
  } catch (error) {
    abort.abort(error);
    throw error;
  } finally {
    await storing.idle();
  }
  signal.throwIfAborted();
}

/** One stream of a backup, as far as storing goes. */
export interface StoringWork {
  readonly row: BackupQueueRow;
  /** Segments in storage, in order. */
  readonly segments: (SegmentRow & { spooled: SpooledStreamSegment })[];
  readonly progress: QueueWork;
}

/**
 * Stores segments while the next ones are read, two at a time. What is stored is recorded in order: a
 * later run goes on behind the last segment that is.
 */
export class Storing {
  readonly #context: BackupContext;
  readonly #work: StoringWork;
  readonly #abort: AbortController;
  readonly #pool = new PQueue({ concurrency: SEGMENTS_AT_ONCE });
  #waiting = 0;
  /** When all up to the newest segment are recorded. */
  #recorded: Promise<void> = Promise.resolve();
  #room: PromiseWithResolvers<void> | undefined;

  constructor(context: BackupContext, item: { work: StoringWork; abort: AbortController }) {
    this.#context = context;
    this.#work = item.work;
    this.#abort = item.abort;
  }

  add(spooled: SpooledStreamSegment, sequence: number): void {
    this.#waiting++;
    const storing = this.#pool.add(() => this.#store(spooled, sequence));
    this.#recorded = Promise.all([storing, this.#recorded]).then(([stored]) => {
      this.#record({ sequence, spooled, stored });
      this.#waiting--;
      this.#room?.resolve();
      this.#room = undefined;
    });
    this.#recorded.catch((error) => {
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
    await this.#pool.onIdle();
    await this.#recorded.catch(() => {});
  }

  async #store(spooled: SpooledStreamSegment, sequence: number): Promise<SegmentEntry> {
    const { signal } = this.#context;
    signal.throwIfAborted();
    const { row } = this.#work;
    return await storeSegment(this.#context, {
      row,
      segment: { sequence, spooled },
      job: jobOf(this.#context, { row, segment: { spooled }, firstDeliveryTag: 1 }),
      losses: new Set(),
      work: this.#work.progress,
      signal,
    });
  }

  #record(segment: SegmentRow & { spooled: SpooledStreamSegment }): void {
    const { checkpoint, run } = this.#context;
    checkpoint.backups.putSegment(run.id, this.#work.row, segment);
    this.#work.segments.push(segment);
    Deno.removeSync(segment.spooled.file);
  }
}
