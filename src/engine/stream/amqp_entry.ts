import type { AmqpStreamReport, QueueEntry } from "../../archive/manifest.ts";
import type { AmqpOffsets, SegmentRow, SpooledChunks } from "../../checkpoint/rows.ts";
import type { SpooledStreamSegment } from "./chunk_spool.ts";

/** The entry of a stream that is read by AMQP 0-9-1, of which these segments are stored. */
export function amqpStreamEntry(
  entry: QueueEntry,
  { segments, offsets }: {
    segments: readonly (SegmentRow & { spooled: SpooledStreamSegment })[];
    offsets: AmqpOffsets;
  },
): QueueEntry {
  const { first, last, tail, losses, reason } = offsets;
  const parts = segments.map(({ spooled }) => spooled);
  const sum = (value: (stream: SpooledChunks) => number) =>
    parts.reduce((total, { stream }) => total + value(stream), 0);
  const report: AmqpStreamReport = {
    first_offset: first,
    last_offset: last,
    gaps: [...parts.flatMap(({ stream }) => stream.gaps), ...tail === undefined ? [] : [tail]],
    losses,
  };
  const partial = partialText(report, reason);
  return {
    ...entry,
    segments: segments.map(({ stored }) => stored!),
    message_count: sum(({ messageCount }) => messageCount),
    body_bytes: sum(({ bodyBytes }) => bodyBytes),
    largest_body: Math.max(0, ...parts.map(({ stream }) => stream.largestBody)),
    first_message_timestamp: parts[0]?.firstTimestamp ?? null,
    last_message_timestamp: parts.at(-1)?.lastTimestamp ?? null,
    amqp_stream: report,
    ...(partial === undefined ? {} : { partial }),
  };
}

/** Why the backup of the stream is not whole; what was chosen is no lack. */
function partialText(
  { gaps }: AmqpStreamReport,
  reason: string | undefined,
): string | undefined {
  const ranges = gaps.map(({ first, last }) => first === last ? `${first}` : `${first} to ${last}`);
  const texts = [
    ...reason === undefined ? [] : [reason],
    ...gaps.length === 0 ? [] : [
      `offsets ${
        ranges.join(", ")
      } did not come by AMQP 0-9-1: compressed batches, entries of the ` +
      "broker's own, or dropped by retention",
    ],
  ];
  return texts.length === 0 ? undefined : texts.join("; ");
}
