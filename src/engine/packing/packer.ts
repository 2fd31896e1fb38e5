import { AppError, type ErrorCode } from "../../errors.ts";
import { BUILD } from "../../version.ts";
import type {
  PackedFile,
  PackJob,
  PackReply,
  PackRequest,
  PackTotals,
  SegmentJob,
  TotalsJob,
  UnpackJob,
} from "./protocol.ts";

/** More would take the processors from a broker on the same machine. */
const THREADS = 2;

/** A worker is loaded by its URL; in a bundle it is a file beside the others. */
const WORKER = BUILD === undefined
  ? new URL("./worker.ts", import.meta.url)
  : new URL("./pack_worker.js", import.meta.url);

/** The pack workers as seen from the main thread, begun when needed. They serve all queues of a run. */
export class Packer implements Disposable {
  readonly #threads: PackThread[] = [];

  /**
   * Packs one segment: yields the bytes to store, made only as fast as they are taken; the memory of
   * a piece is used again once the next is asked for.
   */
  segment(job: Omit<SegmentJob, "kind">): AsyncGenerator<Uint8Array, PackedFile> {
    return this.#run({ kind: "segment", ...job });
  }

  /**
   * Unpacks one segment: yields its records, split anywhere, one piece ahead; the memory of a piece is
   * used again once the one behind the next is asked for.
   */
  unpack(job: Omit<UnpackJob, "kind">): AsyncGenerator<Uint8Array, undefined> {
    return this.#run({ kind: "unpack", ...job });
  }

  /** Looks at all records of a queue, whose segments come in order. */
  async totals(
    totals: Omit<TotalsJob, "kind">,
    options: { signal: AbortSignal },
  ): Promise<PackTotals> {
    const job = this.#run<PackTotals>({ kind: "totals", ...totals });
    try {
      for (;;) {
        options.signal.throwIfAborted();
        const { value, done } = await job.next();
        if (done) return value;
      }
    } finally {
      await job.return(undefined as never);
    }
  }

  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread[Symbol.dispose]();
  }

  async *#run<Result>(job: PackJob): AsyncGenerator<Uint8Array, Result> {
    // Chosen when the first piece is asked for: jobs are made before they are under way.
    const isBusy = this.#threads.every(({ jobs }) => jobs > 0);
    if (isBusy && this.#threads.length < THREADS) this.#threads.push(new PackThread());
    const leastBusy = this.#threads.reduce((a, b) => b.jobs < a.jobs ? b : a);
    return yield* leastBusy.run<Result>(job);
  }
}

/** One worker. */
class PackThread implements Disposable {
  /** Jobs that are under way. */
  jobs = 0;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<PackReply>>();
  #lastId = 0;

  constructor() {
    this.#worker = new Worker(WORKER, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<PackReply>) => {
      this.#waiting.get(data.id)?.resolve(data);
      this.#waiting.delete(data.id);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = new AppError("failed", `Cannot pack messages: ${event.message}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
  }

  async *run<Result>(job: PackJob): AsyncGenerator<Uint8Array, Result> {
    const id = ++this.#lastId;
    this.jobs++;
    this.#send({ type: "start", id, job });
    try {
      let reply = await this.#next(id);
      let spare: ArrayBuffer | undefined;
      while (reply.type === "bytes") {
        if (job.kind === "unpack") {
          // Made while this one is used.
          const coming = this.#next(id, spare);
          coming.catch(() => {});
          yield reply.bytes;
          spare = reply.bytes.buffer as ArrayBuffer;
          reply = await coming;
        } else {
          yield reply.bytes;
          reply = await this.#next(id, reply.bytes.buffer as ArrayBuffer);
        }
      }
      if (reply.type === "error") throw errorOf(reply);
      return reply.result as Result;
    } finally {
      this.jobs--;
      this.#send({ type: "stop", id });
    }
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #next(id: number, spare?: ArrayBuffer): Promise<PackReply> {
    const waiting = Promise.withResolvers<PackReply>();
    this.#waiting.set(id, waiting);
    if (spare === undefined) this.#send({ type: "next", id });
    else this.#worker.postMessage({ type: "next", id, spare } satisfies PackRequest, [spare]);
    return waiting.promise;
  }

  #send(request: PackRequest): void {
    this.#worker.postMessage(request);
  }
}

function errorOf({ code, message, hint }: PackReply & { type: "error" }): AppError {
  return new AppError(code as ErrorCode, message, hint === undefined ? {} : { hint });
}
