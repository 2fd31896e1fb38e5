import { createHash } from "node:crypto";
import type { OutgoingEntry } from "../../broker/stream/publisher.ts";
import { messageBounds, readStreamMessages } from "../../broker/amqp/stream_reader.ts";
import { streamBounds } from "../../broker/stream/commands.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import { windowOf } from "../restore/offset_windows.ts";
import type { MessageSelection } from "../restore/selection.ts";
import type { Source } from "../restore/targets.ts";
import { readSpooled } from "../spool/spool.ts";
import { fetchSegment } from "../stored/segment_fetch.ts";
import type { SpooledSegment } from "../../checkpoint/rows.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { QueueWork } from "../progress.ts";
import { MessageSpool } from "./message_spool.ts";
import type { Storage } from "../../storage/storage.ts";
import { ChunkSpool, type SpooledStreamSegment } from "./chunk_spool.ts";
import { type EntryChoice, readEntries } from "./entries.ts";
import { OriginAnnotations } from "./origin.ts";
import { readChunks } from "./read.ts";

/** Bytes of a stream that are on the local disk at once: two segments of this size. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** By AMQP 0-9-1: how long the last chunk may take to come, and any other, milliseconds. */
const WAIT_MS = 6_000;
const IDLE_MS = 60_000;

/** Digests of the messages of a stream's backup that a restore takes, in order. */
export async function* storedStreamDigests(
  { entry, share: { segments } }: Pick<Source, "entry" | "share">,
  context: {
    storage: Storage;
    selection: MessageSelection;
    notesOrigin: boolean;
    folder: string;
    signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  const { selection: { timeWindow: time, offsets, limit }, notesOrigin, storage } = context;
  const choice: EntryChoice = {
    time,
    offsets: windowOf(offsets, entry),
    change: notesOrigin ? new OriginAnnotations().mark : undefined,
  };
  let taken = 0;
  for (const stored of segments) {
    await using segment = await fetchSegment(storage, stored, context);
    for await (const entries of readEntries(segment.records(), choice)) {
      for (const outgoing of entries) {
        taken += outgoing.records;
        if (taken > limit) return;
        yield* digestsOf(outgoing);
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

/** Reads the messages that a stream gives out by AMQP 0-9-1 now into a folder. */
export async function spoolMessages(
  connections: ConnectionPool,
  { vhost, name }: { vhost: string; name: string },
  options: { folder: string; work: QueueWork; signal: AbortSignal },
): Promise<readonly SpooledSegment[]> {
  const { folder, work, signal } = options;
  return await connections.use(vhost, async (connection) => {
    const bounds = await messageBounds(connection, { stream: name, waitMs: WAIT_MS, signal });
    if (bounds === undefined) return [];
    const segments: SpooledSegment[] = [];
    const abort = new AbortController();
    using spool = new MessageSpool({
      folder,
      sequence: 1,
      next: bounds.first,
      segmentMaxBytes: SEGMENT_BYTES,
      segmentMaxIntervalMs: Infinity,
      onSegment: (segment) => segments.push(segment),
      onMessage: () => work.messagesDone = spool.messages,
      onError: (error) => abort.abort(error),
    });
    await readStreamMessages(connection, {
      stream: name,
      from: { offset: bounds.first },
      last: bounds.last,
      room: () => undefined,
      sink: spool,
      idleMs: IDLE_MS,
      signal: AbortSignal.any([signal, abort.signal]),
    });
    spool.finish();
    return segments;
  });
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
