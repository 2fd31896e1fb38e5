import { createHash } from "node:crypto";
import type { OutgoingEntry } from "../../broker/stream/publisher.ts";
import { streamBounds } from "../../broker/stream/commands.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { MessageSelection, QueueShare } from "../restore/selection.ts";
import { readSpooled } from "../spool/spool.ts";
import { fetchSegment } from "../stored/segment_fetch.ts";
import type { Storage } from "../../storage/storage.ts";
import { ChunkSpool, type SpooledStreamSegment } from "./chunk_spool.ts";
import { isInTime, readEntries } from "./entries.ts";
import { readChunks } from "./read.ts";

/** Bytes of a stream that are on the local disk at once: two segments of this size. */
const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Digests of the messages of a stream's backup that a restore takes, in order. */
export async function* storedStreamDigests(
  { segments }: QueueShare,
  context: {
    storage: Storage;
    selection: MessageSelection;
    folder: string;
    signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  const { selection: { timeWindow, limit }, storage } = context;
  let taken = 0;
  for (const stored of segments) {
    await using segment = await fetchSegment(storage, stored, context);
    for await (const entries of readEntries(segment.records(), isInTime(timeWindow))) {
      for (const entry of entries) {
        taken += entry.records;
        if (taken > limit) return;
        yield* digestsOf(entry);
      }
    }
  }
}

/** Digests of the messages that a stream holds now, in order, as they are read. */
export async function* streamDigests(
  streams: StreamConnector,
  { vhost, name }: { vhost: string; name: string },
  options: { folder: string; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  await using connection = await streams.openFor(vhost, name);
  const bounds = await streamBounds(connection, name);
  if (bounds === undefined) return;
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const handover = new Handover();
  using spool = new ChunkSpool({
    folder: options.folder,
    sequence: 1,
    next: bounds.first,
    segmentMaxBytes: SEGMENT_BYTES,
    onSegment: (segment) => handover.put(segment),
    onChunk: () => {},
  });
  const reading = readChunks(connection, {
    stream: name,
    from: bounds.first,
    last: bounds.last,
    room: () => handover.room(),
    sink: spool,
    signal,
  }).then(() => spool.finish()).finally(() => handover.end());
  reading.catch(() => {});
  try {
    for await (const { file } of handover.segments()) {
      const records = readSpooled(file, { reuseBuffer: false });
      for await (const entries of readEntries(records)) {
        for (const entry of entries) yield* digestsOf(entry);
      }
      await Deno.remove(file);
    }
    await reading;
  } finally {
    abort.abort();
    await reading.catch(() => {});
  }
}

/** One digest for each message; those of a batch are told apart by their place in it. */
function* digestsOf({ body, batch, records }: OutgoingEntry): Generator<Uint8Array> {
  const content = createHash("sha256").update(body).digest();
  if (batch === undefined) {
    yield content;
    return;
  }
  for (let place = 0; place < records; place++) {
    const about = Uint8Array.of(batch.codec, place >> 8, place & 0xff);
    yield createHash("sha256").update(content).update(about).digest();
  }
}

/** Hands segments from who reads to who compares; holds the first back while one waits. */
class Handover {
  readonly #waiting: SpooledStreamSegment[] = [];
  #isEnded = false;
  #changed = Promise.withResolvers<void>();

  put(segment: SpooledStreamSegment): void {
    this.#waiting.push(segment);
    this.#change();
  }

  end(): void {
    this.#isEnded = true;
    this.#change();
  }

  /** Undefined while there is room for one more; else a promise of it. */
  room(): Promise<void> | undefined {
    return this.#waiting.length === 0 ? undefined : this.#changed.promise;
  }

  async *segments(): AsyncGenerator<SpooledStreamSegment> {
    for (;;) {
      const segment = this.#waiting[0];
      if (segment !== undefined) {
        yield segment;
        this.#waiting.shift();
        this.#change();
      } else if (this.#isEnded) return;
      else await this.#changed.promise;
    }
  }

  #change(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
