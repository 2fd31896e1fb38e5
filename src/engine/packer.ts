import { AppError, type ErrorCode } from "../errors.ts";
import type { PackJob, PackReply, PackRequest, PackStep } from "./pack_protocol.ts";

/** The pack worker as seen from the main thread. One worker serves all queues of a run. */
export class Packer implements Disposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<PackStep | undefined>>();
  #lastId = 0;

  constructor() {
    this.#worker = new Worker(new URL("./pack_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<PackReply>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = new AppError("failed", `Cannot pack messages: ${event.message}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
  }

  /** Packs one queue; steps are made only as fast as they are taken. */
  async *pack(job: PackJob): AsyncGenerator<PackStep> {
    const id = ++this.#lastId;
    this.#send({ type: "start", id, job });
    try {
      for (;;) {
        const waiting = Promise.withResolvers<PackStep | undefined>();
        this.#waiting.set(id, waiting);
        this.#send({ type: "next", id });
        const step = await waiting.promise;
        if (step === undefined) return;
        yield step;
      }
    } finally {
      this.#send({ type: "stop", id });
    }
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #send(request: PackRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: PackReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.type === "step") {
      waiting?.resolve(reply.step);
    } else {
      waiting?.reject(
        new AppError(
          reply.code as ErrorCode,
          reply.message,
          reply.hint === undefined ? {} : { hint: reply.hint },
        ),
      );
    }
  }
}
