import { RecordParser } from "../../archive/record.ts";
import type { QueueEntry } from "../../archive/manifest.ts";
import { DEFAULT_EXCHANGE, type Publish, Publisher } from "../../broker/amqp/publisher.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { RestoreOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { republished } from "../../message/broker_headers.ts";
import type { Storage } from "../../storage/storage.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import type { ProgressMeter, QueueWork } from "../progress.ts";
import { type FetchedSegment, fetchSegment } from "../stored/segment_fetch.ts";

/** A record takes at least this many bytes, so a slice of records begins no more messages than… */
const SMALLEST_RECORD = 21;
/** …this many: records are handed to the publisher in slices, each with room in the window. */
const SLICE_MESSAGES = 780;
/** How long the target's depth may take to show the last messages, milliseconds. */
const SETTLE_MS = 10_000;
/** How often is asked whether the broker blocks publishers, milliseconds. */
const BLOCKED_MS = 500;
/** How long a stopped run waits for the confirms of what it has sent, milliseconds. */
const STOP_MS = 5_000;

/** What all queues of one restore run share. */
export interface RestoreContext {
  readonly backupId: string;
  readonly options: RestoreOptions;
  readonly run: Run;
  readonly storage: Storage;
  readonly checkpoint: CheckpointStore;
  readonly connections: ConnectionPool;
  readonly streams: StreamConnector;
  readonly meter: ProgressMeter;
  readonly emit: EventSink;
  /** Folder for fetched segments. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** One queue of a restore and where it stands. */
export interface RestoreItem {
  readonly entry: QueueEntry;
  /** Ready messages in the target before the first one of this run. */
  readonly depthBefore: number;
  readonly position: RestoreQueueRow;
}

/**
 * Publishes the messages of one queue, in order, direct to the queue of that name, from the recorded
 * position on. Returns how many this call published, and the bytes of their bodies.
 */
export async function restoreQueue(
  context: RestoreContext,
  item: RestoreItem,
): Promise<{ messages: number; bytes: number }> {
  const { entry } = item;
  const work = context.meter.begin(entry, {
    phase: "publishing",
    messagesTotal: entry.message_count - item.position.confirmed,
  });
  try {
    return await context.connections.use(
      entry.vhost,
      (connection) => publishQueue(context, { connection, item, work }),
    );
  } finally {
    context.meter.end(work);
  }
}

async function publishQueue(
  context: RestoreContext,
  options: { connection: BrokerConnection; item: RestoreItem; work: QueueWork },
): Promise<{ messages: number; bytes: number }> {
  const { checkpoint, run, signal } = context;
  const { connection, item: { entry, position }, work } = options;
  const { window } = context.options;
  const start = position.confirmed;
  // Recorded before the first publish: from here on the target may hold messages of this run.
  checkpoint.putRestoreQueue(run.id, { ...position, unsettled: window });
  const room = Math.min(SLICE_MESSAGES, Math.ceil(window / 2));
  // Less than what the window lets out, or recording and publishing would wait for each other.
  const step = Math.max(1, Math.floor((window - room) / 4));
  let recorded = 0;
  const record = (confirmed: number, unsettled = window) => {
    recorded = confirmed;
    checkpoint.putRestoreQueue(run.id, { ...position, confirmed: start + confirmed, unsettled });
    publisher.release(confirmed);
  };
  const publisher = new Publisher(connection, {
    window,
    target: `queue "${entry.name}" of vhost "${entry.vhost}"`,
    onConfirmed: (confirmed) => {
      work.messagesDone = confirmed;
      if (confirmed - recorded >= step) record(confirmed);
    },
  });
  await publisher.open();
  using _blocked = watchBlocked(connection, { entry, emit: context.emit });
  const messages = new QueuePublishing(publisher, entry.name, work);
  try {
    await publishSegments(context, { entry, start, publisher, messages, room });
    await publisher.finish(signal);
  } finally {
    await publisher.settle(STOP_MS);
    record(publisher.confirmed, publisher.unsettled);
    await publisher.close();
  }
  if (messages.copying > 0) {
    context.emit({
      type: "warning",
      vhost: entry.vhost,
      queue: entry.name,
      message: `${messages.copying} messages had CC or BCC headers, which were left out`,
      hint: "the broker would have copied each of them to the queues named there once more",
    });
  }
  if (start + publisher.confirmed !== entry.message_count) {
    throw new AppError(
      "failed",
      `Cannot restore queue "${entry.name}" whole: ${start + publisher.confirmed} messages were ` +
        `published, and the backup has ${entry.message_count}`,
    );
  }
  await checkDepth(connection, options.item, publisher.confirmed);
  checkpoint.putRestoreQueue(run.id, {
    ...position,
    confirmed: start + publisher.confirmed,
    unsettled: 0,
    done: true,
  });
  return { messages: publisher.confirmed, bytes: messages.bodyBytes };
}

/** Tells why nothing goes on while the broker takes no messages: its alarms end, and so does that. */
function watchBlocked(
  connection: BrokerConnection,
  { entry, emit }: { entry: QueueEntry; emit: EventSink },
): Disposable {
  let told: string | undefined;
  const timer = setInterval(() => {
    const { blocked } = connection;
    if (blocked !== undefined && told === undefined) {
      emit({
        type: "warning",
        vhost: entry.vhost,
        queue: entry.name,
        message: `Queue "${entry.name}" has to wait: the target does not take messages for now ` +
          `(${blocked})`,
        hint: "it goes on by itself when the target's memory or disk alarm ends",
      });
    }
    told = blocked;
  }, BLOCKED_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Publishes from record `start` on; the next segment is fetched while one is published. */
async function publishSegments(
  context: RestoreContext,
  options: {
    entry: QueueEntry;
    start: number;
    publisher: Publisher;
    messages: QueuePublishing;
    /** Messages that may begin in one slice. */
    room: number;
  },
): Promise<void> {
  const { entry, publisher, messages, room } = options;
  const slice = room * SMALLEST_RECORD;
  const { segments, skip } = behind(entry.segments, options.start);
  messages.skip = skip;
  const fetch = (index: number) =>
    segments[index] === undefined
      ? undefined
      : caught(fetchSegment(context.storage, segments[index], context));
  let next = fetch(0);
  try {
    for (let index = 0; next !== undefined; index++) {
      await using segment = await unwrap(next);
      next = fetch(index + 1);
      const parser = new RecordParser(messages);
      for await (const chunk of segment.records()) {
        for (let offset = 0; offset < chunk.length; offset += slice) {
          await publisher.flow(room, context.signal);
          parser.push(chunk.subarray(offset, offset + slice));
        }
      }
      parser.finish();
    }
  } finally {
    // Fetched ahead and not used.
    const ahead = await next;
    if (ahead !== undefined && "segment" in ahead) await ahead.segment[Symbol.asyncDispose]();
  }
}

/** The segments that hold what comes behind the first `count` records, and how many to skip in them. */
export function behind<Segment extends { readonly record_count: number }>(
  segments: readonly Segment[],
  count: number,
): { segments: readonly Segment[]; skip: number } {
  let skip = count;
  let first = 0;
  // Leading ones only: a later one may be shorter than what is left to skip, and is to be published.
  for (; first < segments.length && skip >= segments[first]!.record_count; first++) {
    skip -= segments[first]!.record_count;
  }
  return { segments: segments.slice(first), skip };
}

/** Turns records into publishes. */
class QueuePublishing {
  /** Leading records that are in the target already. */
  skip = 0;
  /** Messages whose CC or BCC header was left out. */
  copying = 0;
  /** Bytes of bodies published. */
  bodyBytes = 0;
  readonly #publisher: Publisher;
  readonly #routingKey: Uint8Array;
  readonly #work: QueueWork;
  #skipping = false;

  constructor(publisher: Publisher, queue: string, work: QueueWork) {
    this.#publisher = publisher;
    this.#routingKey = new TextEncoder().encode(queue);
    this.#work = work;
  }

  head(head: { properties: Uint8Array; bodySize: number }): void {
    this.#skipping = this.skip > 0;
    if (this.#skipping) {
      this.skip--;
      return;
    }
    const { properties, copied } = republished(head.properties);
    if (copied) this.copying++;
    const message: Publish = {
      exchange: DEFAULT_EXCHANGE,
      routingKey: this.#routingKey,
      properties,
      bodySize: head.bodySize,
    };
    this.#publisher.begin(message);
    this.bodyBytes += head.bodySize;
    this.#work.bytesDone += properties.length + head.bodySize;
  }

  body(chunk: Uint8Array): void {
    if (!this.#skipping) this.#publisher.body(chunk);
  }

  end(): void {
    if (!this.#skipping) this.#publisher.end();
  }
}

/** Confirmed is not kept: a length limit that drops the oldest confirms all the same. */
async function checkDepth(
  connection: BrokerConnection,
  item: RestoreItem,
  published: number,
): Promise<void> {
  const { entry, depthBefore } = item;
  await using inspector = new QueueInspector(connection);
  const expected = depthBefore + published;
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const { ready, consumers } = await inspector.depth(entry.name);
    if (ready >= expected || consumers > 0) return;
    if (performance.now() > deadline) {
      throw new AppError(
        "failed",
        `Cannot restore queue "${entry.name}" whole: ${published} messages were confirmed, but it ` +
          `holds ${ready} where ${expected} should be`,
        {
          hint:
            "a max-length or message TTL on the target queue drops messages; lift it and restore again",
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Caught = { segment: FetchedSegment } | { error: unknown };

/** Keeps an early failure until someone asks for it. */
function caught(fetching: Promise<FetchedSegment>): Promise<Caught> {
  return fetching.then((segment) => ({ segment }), (error: unknown) => ({ error }));
}

async function unwrap(fetching: Promise<Caught>): Promise<FetchedSegment> {
  const result = await fetching;
  if ("error" in result) throw result.error;
  return result.segment;
}
