import { join } from "node:path";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { SpooledSegment } from "../../checkpoint/rows.ts";
import { isRead } from "../../safety/plan.ts";
import type { Storage } from "../../storage/storage.ts";
import { assertEmpty } from "../hold/capture.ts";
import { type CaptureContext, captureCounted } from "../hold/counted_capture.ts";
import type { ProgressMeter, QueueWork } from "../progress.ts";
import { isQueueFailure } from "../queue_failure.ts";
import type { QueueName } from "../restore/mapping.ts";
import { MessagePicker } from "../restore/picker.ts";
import type { MessageSelection } from "../restore/selection.ts";
import type { Source } from "../restore/targets.ts";
import { readSpooled, removeFolder } from "../spool/spool.ts";
import { fetchSegment } from "../stored/segment_fetch.ts";
import { messageRecords } from "../stream/message_records.ts";
import { spoolMessages, storedStreamDigests, streamDigests } from "../stream/verify.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import { compareDigests, type Comparison } from "./compare.ts";
import { messageDigests } from "./digests.ts";

/** What all queues of one comparison share. */
export interface VerifyContext extends CaptureContext {
  readonly storage: Storage;
  readonly streams: StreamConnector;
  readonly selection: MessageSelection;
  /** Whether messages of streams tell where they stood. */
  readonly notesOrigin: boolean;
  readonly meter: ProgressMeter;
  readonly folder: string;
}

/** One queue of the target, held against the queues of the backup that go there. */
export interface VerifiedQueue extends Omit<Comparison, "result"> {
  readonly vhost: string;
  readonly queue: string;
  readonly sources: readonly QueueName[];
  /** `unread`: it could not be compared, for the `reason`. */
  readonly result: Comparison["result"] | "unread";
  readonly reason?: string;
  readonly hint?: string;
}

/**
 * Reads a queue of the target, gives its messages back, and compares them with those of the backup that
 * go there. `planned` is undefined where there is no such queue.
 */
export async function verifyQueue(
  context: VerifyContext,
  { group, planned }: { group: readonly Source[]; planned: PlannedQueue | undefined },
): Promise<VerifiedQueue> {
  const { meter } = context;
  const { destination: { vhost, name } } = group[0]!;
  const work = meter.begin({ vhost, name }, {
    phase: "waiting",
    messagesTotal: planned?.ready ?? 0,
  });
  const about = {
    vhost,
    queue: name,
    sources: group.map(({ entry }) => ({ vhost: entry.vhost, name: entry.name })),
  };
  const folder = join(context.folder, "read");
  try {
    if (planned !== undefined && !isRead(planned.plan)) {
      const { reason = "reading it could harm it", hint } = planned.plan;
      return { ...about, ...unread(reason, hint) };
    }
    if (group.some(({ isLog }) => isLog)) {
      if (planned?.plan.byAmqp !== undefined) {
        const { because } = planned.plan.byAmqp;
        return { ...about, ...unread(`only the stream protocol can tell (${because})`, undefined) };
      }
      return { ...about, ...await compareStream(context, { group, planned, folder, work }) };
    }
    using _spool = planned && await context.budget.spool(planned, context.signal);
    const segments = planned === undefined ? [] : await read(context, { planned, folder, work });
    work.phase = "verifying";
    const compared = await compareDigests(
      expectedDigests(context, group),
      spooledDigests(segments),
      { isOrdered: group.length === 1 },
    );
    const isAbsent = planned === undefined && compared.expected > 0;
    return { ...about, ...compared, ...(isAbsent ? { reason: "it does not exist" } : {}) };
  } catch (error) {
    if (!isQueueFailure(error) || context.signal.aborted) throw error;
    return { ...about, ...unread(error.message, error.hint) };
  } finally {
    removeFolder(folder);
    meter.end(work);
  }
}

/** Streams are read by offset: nothing is held, and nothing has to go back. */
async function compareStream(
  context: VerifyContext,
  { group, planned, folder, work }: {
    group: readonly Source[];
    planned: PlannedQueue | undefined;
    folder: string;
    work: QueueWork;
  },
) {
  work.phase = "verifying";
  async function* expected() {
    for (const source of group) yield* storedStreamDigests(source, context);
  }
  const actual = planned === undefined ? spooledDigests([]) : counted(
    streamDigests(context.streams, planned.queue, { folder, signal: context.signal }),
    work,
  );
  const compared = await compareDigests(expected(), actual, { isOrdered: group.length === 1 });
  const isAbsent = planned === undefined && compared.expected > 0;
  return { ...compared, ...(isAbsent ? { reason: "it does not exist" } : {}) };
}

async function* counted(
  digests: AsyncIterable<Uint8Array>,
  work: QueueWork,
): AsyncGenerator<Uint8Array> {
  for await (const digest of digests) {
    work.messagesDone++;
    yield digest;
  }
}

/** Reads what is ready in a queue; it is back when this returns. */
async function read(
  context: VerifyContext,
  { planned, folder, work }: { planned: PlannedQueue; folder: string; work: QueueWork },
): Promise<readonly SpooledSegment[]> {
  if (planned.queue.type === "stream") {
    const { connections, signal } = context;
    return await spoolMessages(connections, planned.queue, { folder, work, signal });
  }
  if (planned.ready > 0) {
    const { spool } = await captureCounted(context, { planned, folder, work });
    return spool.segments;
  }
  await context.connections.use(planned.queue.vhost, async (connection) => {
    await using inspector = new QueueInspector(connection);
    await assertEmpty(inspector, planned.queue);
  });
  return [];
}

function unread(reason: string, hint: string | undefined) {
  return {
    expected: 0,
    actual: 0,
    result: "unread" as const,
    reason,
    ...(hint === undefined ? {} : { hint }),
  };
}

async function* expectedDigests(
  context: VerifyContext,
  group: readonly Source[],
): AsyncGenerator<Uint8Array> {
  const { selection } = context;
  for (const { entry, share } of group) {
    const picker = new MessagePicker({ selection, entry }, { taken: 0, leftOut: 0, untimed: 0 });
    for (const stored of share.segments) {
      if (picker.isFull) break;
      await using segment = await fetchSegment(context.storage, stored, context);
      yield* messageDigests(messageRecords(segment.records(), { entry }), picker);
    }
  }
}

async function* spooledDigests(
  segments: readonly SpooledSegment[],
): AsyncGenerator<Uint8Array> {
  for (const { file } of segments) {
    yield* messageDigests(readSpooled(file, { reuseBuffer: false }));
  }
}
