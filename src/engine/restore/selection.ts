/** Which messages of a queue a restore takes: by time, by what they carry, and how many. */
import { messagesIn, type SegmentEntry } from "../../archive/manifest.ts";
import type { MessageFilter } from "../../config/config.ts";
import type { OffsetWindow } from "../../config/offset_window.ts";
import { type HeaderPattern, parseHeaderPattern } from "../../config/header_pattern.ts";
import { compileNames } from "../../config/name_pattern.ts";
import { streamOffset } from "../../message/broker_headers.ts";
import { type FieldValue, floatValue } from "../../message/field_table.ts";
import type { MessageHead } from "../../message/message.ts";
import { headerValue, timestampOf } from "../../message/properties.ts";
import { exchangeLabel } from "./mapping.ts";
import { type OffsetQueue, type OffsetWindows, windowOf } from "./offset_windows.ts";

/** Epoch milliseconds; both ends belong to it. */
export interface TimeWindow {
  readonly start: number;
  readonly end: number;
  /** The time of a message that counts. */
  readonly field: "backed_up_at" | "timestamp";
}

/** The choice among the messages of each queue. */
export interface MessageSelection {
  /** Absent: any time. */
  readonly timeWindow: TimeWindow | undefined;
  /** Of streams that are named there. */
  readonly offsets: OffsetWindows;
  readonly filter: MessageFilter;
  /** So many of each queue at most; Infinity for all. */
  readonly limit: number;
}

/** What of a queue has to be read for a selection, as far as the manifest tells. */
export interface QueueShare {
  /** The segments that may hold chosen messages, in order. */
  readonly segments: readonly SegmentEntry[];
  /** Messages in them. */
  readonly records: number;
  /** How many of the queue's messages are chosen. */
  readonly atLeast: number;
  readonly atMost: number;
}

/** Finds the segments that have to be read, and within what bounds the number of messages is. */
export function shareOf(
  entry: OffsetQueue,
  selection: MessageSelection,
): QueueShare {
  const { timeWindow, limit } = selection;
  const window = timeWindow?.field === "backed_up_at" ? timeWindow : undefined;
  const offsets = windowOf(selection.offsets, entry);
  const touched = entry.segments.filter((one) =>
    (window === undefined || touches(timesOf(one), timesIn(window))) &&
    (offsets === undefined || touches(offsetsOf(one), offsetsIn(offsets)))
  );
  const isSure = (one: SegmentEntry) =>
    !isByContent(selection) && (window === undefined || isInside(timesOf(one), timesIn(window))) &&
    (offsets === undefined || isInside(offsetsOf(one), offsetsIn(offsets)));
  const segments = touched.every(isSure) ? firstOf(touched, limit) : touched;
  const records = sum(segments);
  const wide = offsets === undefined ? Infinity : offsets.last - offsets.first + 1;
  return {
    segments,
    records,
    atLeast: Math.min(sum(segments.filter(isSure)), limit),
    atMost: Math.min(records, limit, wide),
  };
}

/** The leading segments that hold `limit` messages. */
function firstOf(segments: readonly SegmentEntry[], limit: number): readonly SegmentEntry[] {
  let before = 0;
  const behind = segments.findIndex((segment) => (before += messagesIn(segment)) >= limit);
  return behind < 0 ? segments : segments.slice(0, behind + 1);
}

/** Both ends belong to it. */
type Range = readonly [first: number, last: number];

// The clock may have been set back while a segment was read.
const timesOf = ({ first_timestamp: first, last_timestamp: last }: SegmentEntry): Range => [
  Math.min(first, last),
  Math.max(first, last),
];
const offsetsOf = ({ stream }: SegmentEntry): Range => [stream!.first_offset, stream!.last_offset];
const timesIn = ({ start, end }: TimeWindow): Range => [start, end];
const offsetsIn = ({ first, last }: OffsetWindow): Range => [first, last];

function touches([first, last]: Range, [start, end]: Range): boolean {
  return last >= start && first <= end;
}

function isInside([first, last]: Range, [start, end]: Range): boolean {
  return first >= start && last <= end;
}

function sum(segments: readonly SegmentEntry[]): number {
  return segments.reduce((total, segment) => total + messagesIn(segment), 0);
}

/** What becomes of a message; `untimed`: left out, as it has no time to go by. */
export type Verdict = "take" | "leave" | "untimed";

/** Looks at one message after the other. */
export type Judge = (head: MessageHead) => Verdict;

/** Compiles a selection but for its limit; undefined when every message of the queue is meant. */
export function judgeOf(
  { timeWindow, offsets, filter }: MessageSelection,
  queue: OffsetQueue,
): Judge | undefined {
  const window = windowOf(offsets, queue);
  if (timeWindow === undefined && window === undefined && !isFiltered(filter)) return undefined;
  const headers = filter.headers.map(parseHeaderPattern);
  const hasKey = nameTest(filter.routing_keys, decode);
  const hasExchange = nameTest(filter.exchanges, (bytes) => exchangeLabel(decode(bytes)));
  return (head) => {
    const verdict = timeWindow === undefined ? "take" : timely(head, timeWindow);
    if (verdict !== "take") return verdict;
    if (window !== undefined && !isWithin(streamOffset(head.properties), window)) return "leave";
    const matches = hasKey(head.routingKey) && hasExchange(head.exchange) &&
      headers.every((header) => carries(head.properties, header));
    return matches ? "take" : "leave";
  };
}

/** Whether messages are chosen by what they carry themselves. */
export function isByContent({ timeWindow, filter }: MessageSelection): boolean {
  return isFiltered(filter) || timeWindow?.field === "timestamp";
}

function isFiltered({ headers, routing_keys, exchanges }: MessageFilter): boolean {
  return headers.length + routing_keys.length + exchanges.length > 0;
}

function isWithin(offset: number | undefined, { first, last }: OffsetWindow): boolean {
  return offset !== undefined && offset >= first && offset <= last;
}

function timely(head: MessageHead, { start, end, field }: TimeWindow): Verdict {
  const time = field === "backed_up_at" ? head.capturedAt : ownTime(head.properties);
  if (time === undefined) return "untimed";
  return time >= start && time <= end ? "take" : "leave";
}

function ownTime(properties: Uint8Array): number | undefined {
  const seconds = unlessMalformed(() => timestampOf(properties));
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Tests a name that mostly is the very array of the message before (`RecordParser`). */
function nameTest(
  patterns: readonly string[],
  textOf: (bytes: Uint8Array) => string,
): (bytes: Uint8Array) => boolean {
  if (patterns.length === 0) return () => true;
  const matches = compileNames({ include: patterns });
  let known: Uint8Array | undefined;
  let result = false;
  return (bytes) => {
    if (bytes !== known) {
      known = bytes;
      result = matches(textOf(bytes));
    }
    return result;
  };
}

function carries(properties: Uint8Array, { name, matches }: HeaderPattern): boolean {
  const value = unlessMalformed(() => headerValue(properties, name));
  if (value === undefined) return false;
  if (matches === undefined) return true;
  const text = textOf(value);
  return text !== undefined && matches(text);
}

/** A header's value as a person would write it; undefined for tables, arrays and decimals. */
function textOf(field: FieldValue): string | undefined {
  switch (field.tag) {
    case "S":
    case "x":
      return decode(field.value);
    case "f":
    case "d":
      return String(floatValue(field.bits));
    case "V":
      return "";
    case "A":
    case "F":
    case "D":
      return undefined;
    default:
      return String(field.value);
  }
}

const decoder = new TextDecoder();
const decode = (bytes: Uint8Array): string => decoder.decode(bytes);

/** What clients may send is not always what the protocol says; then a message has no such thing. */
function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
