import { RecordParser } from "../../archive/record.ts";
import { messagesIn, type QueueEntry } from "../../archive/manifest.ts";
import { Publisher, type PublisherOptions } from "../../broker/amqp/publisher.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import type { QueueWork } from "../progress.ts";
import { ConversionLosses, messageRecords } from "../stream/message_records.ts";
import { decimalRefusal, streamTimes, takenBy } from "./across_types.ts";
import { checkDepth } from "./check_depth.ts";
import type { RestoreContext, RestoredQueue, RestoreItem, Taken } from "./context.ts";
import { movedTo, type QueueName } from "./mapping.ts";
import { OutgoingProperties } from "./outgoing.ts";
import { watchBlocked } from "./pauses.ts";
import { MessagePicker, type Passed } from "./picker.ts";
import { Positions, UndeliveredRecords } from "./positions.ts";
import { SendAhead } from "./send_ahead.ts";
import { type Figures, SentFigures } from "./sent.ts";
import { QueuePublishing } from "./publishing.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { QueueRouting } from "./routing/exchange_routing.ts";
import { behind, openedSegments } from "./segment_feed.ts";
import type { QueueShare } from "./selection.ts";
import { resumedAt } from "./targets.ts";
import { tellChanges, tellConversion } from "./telling.ts";

/** A record takes at least this many bytes, so a slice of records begins no more messages than… */
const SMALLEST_RECORD = 21;
/** …this many: records are handed to the publisher in slices, each with room in the window. */
const SLICE_MESSAGES = 780;
/** How long a stopped run waits for the confirms of what it has sent, milliseconds. */
const STOP_MS = 5_000;
/** A rate limit that holds back for longer has the position recorded before, milliseconds. */
const LONG_WAIT_MS = 250;

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
    ...movedTo(item),
  });
  const queue = new QueueRestore(context, item, work);
  try {
    // 1. All messages, over as many connections as it takes.
    await queue.connected((connection) => queue.publish(connection));
    tellChanges(context, { entry, outgoing: queue.outgoing });
    const losses = queue.losses.counts;
    tellConversion(context, { entry, losses });
    // 2. Are they all there?
    queue.assertWhole();
    if (queue.isStraight) {
      await queue.connected((connection) =>
        checkDepth(connection, { item, published: item.taken.messages })
      );
    }
    // 3. Done.
    queue.finish();
    const isLossy = Object.keys(losses).length > 0;
    return { ...item.taken, ...queue.passed, ...(isLossy ? { losses } : {}) };
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
  /** Where it stood before this call. */
  readonly #before: RestoreQueueRow;
  readonly outgoing: OutgoingProperties;
  /** Of the log of a stream. */
  readonly losses = new ConversionLosses();
  readonly #routing: QueueRouting | undefined;
  readonly #undelivered = new UndeliveredRecords();
  #position: RestoreQueueRow;
  #picker: MessagePicker;
  readonly #taken: Taken;
  /** What connections before this one brought. */
  #earlier: Figures = { bytes: 0, copies: 0, unsure: 0 };

  constructor(context: RestoreContext, item: RestoreItem, work: QueueWork) {
    const { entry, destination, share, position, taken } = item;
    const { vhost, name } = entry;
    this.#context = context;
    this.#taken = taken;
    this.#entry = entry;
    this.#destination = destination;
    this.#share = share;
    this.#work = work;
    this.#before = position;
    this.#position = position;
    this.#picker = this.#newPicker();
    this.outgoing = new OutgoingProperties(context.rules, {
      backupId: context.backupId,
      vhost,
      name,
      stream: streamTimes(entry),
    });
    // What a stream held goes straight to where that is restored.
    this.#routing = entry.stream === undefined
      ? context.exchanges?.of(destination.vhost)
      : undefined;
    if (position.confirmed === 0) {
      context.checkpoint.restores.forgetUndelivered(context.run.id, entry);
    }
  }

  /** Whether messages go to the queue itself, and through no exchange. */
  get isStraight(): boolean {
    return this.#routing === undefined;
  }

  get passed(): Passed {
    return leftOutOf(this.#entry, this.#position);
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
    const { options: { window }, limit, signal, emit, pauses } = this.#context;
    // What the connection before this one left open is published again.
    this.#undelivered.drop();
    this.#record(resumedAt(this.#position, { isLog: false, share: this.#share }));
    const { confirmed: start, leftOut = 0 } = this.#position;
    const picker = this.#picker = this.#newPicker();
    const positions = new Positions(start);
    const room = Math.min(SLICE_MESSAGES, Math.ceil(window / 2));
    const figures = new SentFigures(window);
    const publisher = new Publisher(connection, {
      window,
      target: `queue "${this.#destination.name}" of vhost "${this.#destination.vhost}"`,
      onConfirmed: () => recordIfFar(),
      ...this.#undeliveredListeners({ positions, figures }),
    });
    const earlier = this.#earlier;
    const ahead = new SendAhead(publisher, {
      window,
      room,
      limit,
      record: (confirmed, unsettled) => {
        const done = positions.doneWith(confirmed);
        this.#earlier = plus(earlier, figures.upTo(confirmed));
        this.#record({ ...this.#position, ...picker.passedBy(done), confirmed: done, unsettled });
        positions.forget(confirmed);
      },
    });
    const recordIfFar = () => {
      const done = positions.doneWith(publisher.confirmed);
      this.#work.messagesDone = done - this.#before.confirmed - this.#undelivered.upTo(done);
      ahead.recordIfFar(done - start);
    };
    await publisher.open();
    using _blocked = watchBlocked(connection, {
      queue: this.#destination,
      work: this.#work,
      emit,
      pauses,
    });
    const messages = this.#publishing({ publisher, positions, figures });
    try {
      const from = start + leftOut;
      await this.#feed({ publisher, messages, room, start: from, ahead, recordIfFar });
      await publisher.finish(signal);
    } finally {
      await publisher.settle(STOP_MS);
      ahead.record(publisher.unsettled);
      await publisher.close();
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
    const { selection } = this.#context;
    const from = { taken: confirmed, leftOut, untimed };
    return new MessagePicker({ selection, entry: this.#entry }, from);
  }

  /** Records how far the queue is, with what was not delivered up to there. */
  #record(position: RestoreQueueRow): void {
    const { checkpoint, run } = this.#context;
    const ranges = this.#undelivered.take(position.confirmed);
    const more = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    this.#position = more === 0
      ? position
      : { ...position, undelivered: (position.undelivered ?? 0) + more };
    if (more === 0) checkpoint.restores.putQueue(run.id, position);
    else checkpoint.restores.putProgress(run.id, this.#position, ranges);
    this.#countTaken();
  }

  #countTaken(): void {
    const { confirmed, undelivered = 0 } = this.#position;
    const { bytes, copies, unsure } = this.#earlier;
    this.#taken.undelivered = undelivered - (this.#before.undelivered ?? 0);
    this.#taken.messages = confirmed - this.#before.confirmed - this.#taken.undelivered;
    this.#taken.bytes = bytes;
    if (this.#routing === undefined) return;
    this.#taken.copies = copies;
    this.#taken.unsureCopies = unsure;
  }

  #undeliveredListeners(
    { positions, figures }: { positions: Positions; figures: SentFigures },
  ): Pick<PublisherOptions, "onRejected" | "onUnroutable"> {
    if (this.#context.options.on_undelivered === "fail") return {};
    const lose = (place: number, isUnsure: boolean) => {
      this.#undelivered.add(positions.recordOf(place));
      figures.lose(place, { isUnsure });
    };
    const onRejected = (place: number) => lose(place, true);
    // Straight to a queue, what comes back tells that it is gone: nothing behind it would arrive.
    if (this.#routing === undefined) return { onRejected };
    return { onRejected, onUnroutable: (place) => lose(place, false) };
  }

  #publishing(
    { publisher, positions, figures }: {
      publisher: Publisher;
      positions: Positions;
      figures: SentFigures;
    },
  ): QueuePublishing {
    return new QueuePublishing({
      publisher,
      outgoing: this.outgoing,
      picker: this.#picker,
      queue: this.#destination.name,
      isTaken: takenBy(this.#entry, this.#context.options),
      routing: this.#routing && ((head) => this.#routing!.destination(head)),
      figures,
      work: this.#work,
      onPassedOver: (taken) => {
        if (this.#context.options.on_undelivered === "fail") {
          throw this.#routing?.refusal() ?? decimalRefusal(this.#destination);
        }
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
      ahead: SendAhead;
      recordIfFar: () => void;
    },
  ): Promise<void> {
    const { storage, folder, limit, signal } = this.#context;
    const { publisher, messages, room, start, ahead, recordIfFar } = options;
    const { segments, skip } = behind(this.#share.segments, start);
    messages.skip = skip;
    const before = recordsBefore(this.#entry);
    let index = 0;
    for await (const segment of openedSegments(segments, { storage, folder, signal })) {
      messages.beginSegment(before.get(segments[index++]!.key)!);
      const parser = new RecordParser(messages);
      const records = messageRecords(segment.records(), {
        entry: this.#entry,
        losses: this.losses,
      });
      for await (const chunk of records) {
        for (let offset = 0; offset < chunk.length;) {
          const size = sliceSize(room, limit);
          await publisher.flow(room, signal);
          const upTo = this.#picker.taken + room;
          const onWait = () => publisher.flush();
          await this.#context.ahead.allow(this.#entry, { upTo, signal, onWait });
          ahead.allow(Math.ceil(size / SMALLEST_RECORD));
          const { messages: before, bytes } = messages;
          parser.push(chunk.subarray(offset, offset + size));
          offset += size;
          recordIfFar();
          if (messages.isComplete) return;
          if (!limit.isOn) continue;
          const waitMs = limit.owe(messages.messages - before, messages.bytes - bytes);
          // What may go out now is not to wait for more.
          publisher.flush();
          if (waitMs > LONG_WAIT_MS) ahead.recordNow();
          await limit.wait(signal);
        }
      }
      parser.finish();
    }
  }
}

function plus(one: Figures, other: Figures): Figures {
  return {
    bytes: one.bytes + other.bytes,
    copies: one.copies + other.copies,
    unsure: one.unsure + other.unsure,
  };
}

/** How many messages of a queue's backup are in front of each segment, by its key. */
function recordsBefore({ segments }: QueueEntry): Map<string, number> {
  let before = 0;
  return new Map(segments.map((segment) => {
    const at = before;
    before += messagesIn(segment);
    return [segment.key, at];
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
