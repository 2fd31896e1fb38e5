import { RecordParser } from "../../archive/record.ts";
import type { QueueEntry } from "../../archive/manifest.ts";
import { Publisher } from "../../broker/amqp/publisher.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { RestoreOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import type { ProgressMeter, QueueWork } from "../progress.ts";
import type { Ahead } from "./ahead.ts";
import type { QueueName, RestoreMapping } from "./mapping.ts";
import { OutgoingProperties, type OutgoingRules, USER_ID_HEADER } from "./outgoing.ts";
import { type Pauses, watchBlocked } from "./pauses.ts";
import { MessagePicker, type Passed } from "./picker.ts";
import { Positions, UndeliveredRecords } from "./positions.ts";
import { QueuePublishing } from "./publishing.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { Reconnector } from "./reconnect.ts";
import type { ExchangeRouting, QueueRouting } from "./routing/exchange_routing.ts";
import { behind, openedSegments } from "./segment_feed.ts";
import type { MessageSelection, QueueShare } from "./selection.ts";
import { resumedAt, type Source } from "./targets.ts";

/** A record takes at least this many bytes, so a slice of records begins no more messages than… */
const SMALLEST_RECORD = 21;
/** …this many: records are handed to the publisher in slices, each with room in the window. */
const SLICE_MESSAGES = 780;
/** How long the target's depth may take to show the last messages, milliseconds. */
const SETTLE_MS = 10_000;
/** How long a stopped run waits for the confirms of what it has sent, milliseconds. */
const STOP_MS = 5_000;
/** A position is recorded at least so often while messages are confirmed, milliseconds. */
const RECORD_MS = 1_000;
/** A rate limit that holds back for longer has the position recorded before, milliseconds. */
const LONG_WAIT_MS = 250;

/** What all queues of one restore run share. */
export interface RestoreContext {
  readonly backupId: string;
  readonly options: RestoreOptions;
  readonly selection: MessageSelection;
  readonly mapping: RestoreMapping;
  readonly run: Run;
  readonly storage: Storage;
  readonly checkpoint: CheckpointStore;
  readonly connections: ConnectionPool;
  readonly streams: StreamConnector;
  readonly reconnector: Reconnector;
  readonly ahead: Ahead;
  readonly limit: RateLimit;
  readonly rules: OutgoingRules;
  /** With publish_mode exchange. */
  readonly exchanges: ExchangeRouting | undefined;
  readonly pauses: Pauses;
  readonly meter: ProgressMeter;
  readonly emit: EventSink;
  /** Folder for fetched segments. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** One queue of a restore and where it stands. */
export interface RestoreItem extends Source {
  /** Ready messages in the destination before the first one of this run. */
  readonly depthBefore: number;
  readonly position: RestoreQueueRow;
}

/** What came of one queue: what this call did, and what of it was passed over, in all. */
export interface RestoredQueue extends Passed {
  /** Messages that the target took, and bytes of the bodies that were published. */
  readonly messages: number;
  readonly bytes: number;
  /** Messages that it did not take, and that are kept apart. */
  readonly undelivered: number;
  /** With publish_mode exchange: how many messages the bindings made of them, as far as known. */
  readonly copies?: number;
}

/**
 * Publishes the chosen messages of one queue, in order, from the recorded position on: direct to its
 * destination, or through the exchanges that they came through. A lost connection is waited for.
 */
export async function restoreQueue(
  context: RestoreContext,
  item: RestoreItem,
): Promise<RestoredQueue> {
  const { entry, share, position } = item;
  const work = context.meter.begin(entry, {
    phase: "publishing",
    messagesTotal: share.atMost - position.confirmed,
  });
  const queue = new QueueRestore(context, item, work);
  try {
    // 1. All messages, over as many connections as it takes.
    await queue.connected((connection) => queue.publish(connection));
    queue.tellChanges();
    // 2. Are they all there?
    queue.assertWhole();
    if (context.exchanges === undefined) {
      await queue.connected((connection) => checkDepth(connection, item, queue.result.messages));
    }
    // 3. Done.
    queue.finish();
    return queue.result;
  } finally {
    context.meter.end(work);
  }
}

/** One queue on its way into the target. */
class QueueRestore {
  readonly #context: RestoreContext;
  readonly #entry: QueueEntry;
  readonly #destination: QueueName;
  readonly #share: QueueShare;
  readonly #work: QueueWork;
  /** Messages that were done with before this call. */
  readonly #before: number;
  readonly #outgoing: OutgoingProperties;
  readonly #routing: QueueRouting | undefined;
  readonly #undelivered = new UndeliveredRecords();
  #position: RestoreQueueRow;
  #picker: MessagePicker;
  #bytes = 0;

  constructor(context: RestoreContext, item: RestoreItem, work: QueueWork) {
    const { entry, destination, share, position } = item;
    const { vhost, name } = entry;
    this.#context = context;
    this.#entry = entry;
    this.#destination = destination;
    this.#share = share;
    this.#work = work;
    this.#before = position.confirmed;
    this.#position = position;
    this.#picker = this.#newPicker();
    this.#outgoing = new OutgoingProperties(context.rules, {
      backupId: context.backupId,
      vhost,
      name,
    });
    this.#routing = context.exchanges?.of(destination.vhost);
    if (position.confirmed === 0) context.checkpoint.forgetUndelivered(context.run.id, entry);
  }

  get result(): RestoredQueue {
    const { count: undelivered } = this.#undelivered;
    return {
      messages: this.#position.confirmed - this.#before - undelivered,
      bytes: this.#bytes,
      undelivered,
      ...leftOutOf(this.#entry, this.#position),
      ...(this.#routing === undefined ? {} : { copies: this.#routing.copies }),
    };
  }

  /** Runs `work` with a connection, and once more when that was lost. */
  async connected<T>(work: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const { connections, reconnector } = this.#context;
    const { vhost } = this.#destination;
    return await reconnector.run(vhost, {
      work: () => connections.use(vhost, work),
      progress: () => this.#position.confirmed,
    });
  }

  /** Publishes from the recorded position to the end. */
  async publish(connection: BrokerConnection): Promise<void> {
    const { options: { window }, signal, emit, pauses } = this.#context;
    // What the connection before this one left open is published again.
    this.#undelivered.drop();
    this.#record(resumedAt(this.#position, { entry: this.#entry, share: this.#share }));
    const { confirmed: start, leftOut = 0 } = this.#position;
    const picker = this.#picker = this.#newPicker();
    const positions = new Positions(start);
    const room = Math.min(SLICE_MESSAGES, Math.ceil(window / 2));
    // Less than what the window lets out, or recording and publishing would wait for each other.
    const step = Math.max(1, Math.floor((window - room) / 4));
    let recordedAt = performance.now();
    const record = (unsettled = window) => {
      recordedAt = performance.now();
      const { confirmed } = publisher;
      const done = positions.doneWith(confirmed);
      const passed = picker.passedBy(done);
      this.#record({ ...this.#position, ...passed, confirmed: done, unsettled });
      positions.forget(confirmed);
      publisher.release(confirmed);
    };
    const recordIfFar = () => {
      const done = positions.doneWith(publisher.confirmed);
      this.#work.messagesDone = done - this.#before;
      const behind = done - this.#position.confirmed;
      if (behind >= step || (behind > 0 && performance.now() - recordedAt > RECORD_MS)) record();
    };
    const publisher = new Publisher(connection, {
      window,
      target: `queue "${this.#destination.name}" of vhost "${this.#destination.vhost}"`,
      onConfirmed: recordIfFar,
      ...this.#undeliveredListeners(positions),
    });
    await publisher.open();
    // Recorded before the first publish: from here on the target may hold messages of this run.
    this.#record({ ...this.#position, unsettled: window });
    using _blocked = watchBlocked(connection, {
      queue: this.#destination,
      work: this.#work,
      emit,
      pauses,
    });
    const messages = this.#publishing({ publisher, positions });
    try {
      await this.#feed({
        publisher,
        messages,
        room,
        start: start + leftOut,
        record,
        recordIfFar,
      });
      await publisher.finish(signal);
    } finally {
      await publisher.settle(STOP_MS);
      record(publisher.unsettled);
      this.#bytes += messages.bodyBytes;
      await publisher.close();
    }
  }

  /** Says what is not as it was. */
  tellChanges(): void {
    const { copying, userIds } = this.#outgoing;
    const { vhost, name } = this.#entry;
    const warn = (message: string, hint: string) =>
      this.#context.emit({ type: "warning", vhost, queue: name, message, hint });
    if (copying > 0) {
      warn(
        `${countOf(copying)} had CC or BCC headers, which were left out`,
        "the broker would have copied each of them to the queues named there once more",
      );
    }
    if (userIds > 0) {
      const isKept = this.#context.rules.foreignUserId === "header";
      warn(
        `${countOf(userIds)} had the user_id of another user, which ` +
          (isKept ? `is the header ${USER_ID_HEADER} now` : "was left out"),
        `with the tag impersonator "${this.#context.rules.username}" may keep it`,
      );
    }
  }

  assertWhole(): void {
    const { confirmed } = this.#position;
    const passed = this.#picker.isFull ? undefined : this.#picker.passed.leftOut;
    const { records } = this.#share;
    if (
      confirmed === this.#picker.taken && (passed === undefined || confirmed + passed === records)
    ) return;
    throw new AppError(
      "failed",
      `Cannot restore queue "${this.#entry.name}" whole: ${
        confirmed + (passed ?? 0)
      } messages were ` +
        `published or passed over, and the backup has ${records}`,
    );
  }

  finish(): void {
    this.#record({ ...this.#position, ...this.#picker.passed, unsettled: 0, done: true });
  }

  #newPicker(): MessagePicker {
    const { confirmed, leftOut = 0, untimed = 0 } = this.#position;
    return new MessagePicker(this.#context.selection, { taken: confirmed, leftOut, untimed });
  }

  /** Records how far the queue is, with what was not delivered up to there. */
  #record(position: RestoreQueueRow): void {
    const { checkpoint, run } = this.#context;
    const ranges = this.#undelivered.take(position.confirmed);
    this.#position = position;
    if (ranges.length === 0) return checkpoint.putRestoreQueue(run.id, position);
    const more = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    this.#position = { ...position, undelivered: (position.undelivered ?? 0) + more };
    checkpoint.putRestoreProgress(run.id, this.#position, ranges);
  }

  #undeliveredListeners(positions: Positions) {
    if (this.#context.options.on_undelivered === "fail") return {};
    const add = (message: number) => this.#undelivered.add(positions.recordOf(message));
    // Straight to a queue, what comes back tells that it is gone: nothing behind it would arrive.
    return this.#routing === undefined
      ? { onRejected: add }
      : { onRejected: add, onUnroutable: add };
  }

  #publishing(
    { publisher, positions }: { publisher: Publisher; positions: Positions },
  ): QueuePublishing {
    return new QueuePublishing({
      publisher,
      outgoing: this.#outgoing,
      picker: this.#picker,
      queue: this.#destination.name,
      routing: this.#routing && ((head) => this.#routing!.destination(head)),
      work: this.#work,
      onPassedOver: (taken) => {
        if (this.#context.options.on_undelivered === "fail") throw this.#routing!.refusal();
        this.#undelivered.add(taken);
        positions.passOver(publisher.sent);
      },
    });
  }

  /** Hands the records behind `start` to the publisher, as fast as window, socket and limit allow. */
  async #feed(
    options: {
      publisher: Publisher;
      messages: QueuePublishing;
      /** Messages that may begin in one slice. */
      room: number;
      start: number;
      record: () => void;
      recordIfFar: () => void;
    },
  ): Promise<void> {
    const { storage, folder, limit, ahead, signal } = this.#context;
    const { publisher, messages, room, start, record, recordIfFar } = options;
    const { segments, skip } = behind(this.#share.segments, start);
    messages.skip = skip;
    const before = recordsBefore(this.#entry);
    let index = 0;
    for await (const segment of openedSegments(segments, { storage, folder, signal })) {
      messages.beginSegment(before.get(segments[index++]!.key)!);
      const parser = new RecordParser(messages);
      for await (const chunk of segment.records()) {
        for (let offset = 0; offset < chunk.length;) {
          const size = sliceSize(room, limit);
          await publisher.flow(room, signal);
          await ahead.allow(this.#entry, { upTo: this.#picker.taken + room, signal });
          const { messages: before, bytes } = messages;
          parser.push(chunk.subarray(offset, offset + size));
          offset += size;
          recordIfFar();
          if (messages.isComplete) return;
          if (!limit.isOn) continue;
          const waitMs = limit.owe(messages.messages - before, messages.bytes - bytes);
          // What may go out now is not to wait for more.
          publisher.flush();
          if (waitMs > LONG_WAIT_MS) record();
          await limit.wait(signal);
        }
      }
      parser.finish();
    }
  }
}

function countOf(messages: number): string {
  return messages === 1 ? "1 message" : `${messages} messages`;
}

/** How many records of a queue's backup are in front of each segment, by its key. */
function recordsBefore({ segments }: QueueEntry): Map<string, number> {
  let before = 0;
  return new Map(segments.map(({ key, record_count }) => {
    const at = before;
    before += record_count;
    return [key, at];
  }));
}

/** How many messages of a queue that is done were not chosen, those of segments not read among them. */
export function leftOutOf(
  { message_count }: { message_count: number },
  { confirmed, untimed = 0 }: { confirmed: number; untimed?: number },
): Passed {
  return { leftOut: message_count - confirmed, untimed };
}

/** Bytes of records that are handed over at once. */
function sliceSize(room: number, limit: RateLimit): number {
  if (!limit.isOn) return room * SMALLEST_RECORD;
  const { messages, bytes } = limit.portion;
  return Math.max(SMALLEST_RECORD, Math.min(Math.min(room, messages) * SMALLEST_RECORD, bytes));
}

/** Confirmed is not kept: a length limit that drops the oldest confirms all the same. */
async function checkDepth(
  connection: BrokerConnection,
  item: RestoreItem,
  published: number,
): Promise<void> {
  const { destination: { name }, depthBefore } = item;
  await using inspector = new QueueInspector(connection);
  const expected = depthBefore + published;
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const { ready, consumers } = await inspector.depth(name);
    if (ready >= expected || consumers > 0) return;
    if (performance.now() > deadline) {
      throw new AppError(
        "failed",
        `Cannot restore queue "${name}" whole: ${published} messages were confirmed, but it ` +
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
