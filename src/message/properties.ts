import {
  type FieldTable,
  type FieldValue,
  readTable,
  readValue,
  skipValue,
  writeTable,
  writeValue,
} from "./field_table.ts";
import { WireReader, WireWriter } from "./wire.ts";

/**
 * The properties of class `basic` (AMQP 0-9-1 section 1.8.3). An absent one was not sent. Strings
 * are bytes, at most 255 each, because a broker passes on any.
 */
export interface Properties {
  contentType?: Uint8Array;
  contentEncoding?: Uint8Array;
  headers?: FieldTable;
  /** 1 transient, 2 persistent. */
  deliveryMode?: number;
  priority?: number;
  correlationId?: Uint8Array;
  replyTo?: Uint8Array;
  expiration?: Uint8Array;
  messageId?: Uint8Array;
  /** uint64, seconds since 1970. */
  timestamp?: bigint;
  type?: Uint8Array;
  userId?: Uint8Array;
  appId?: Uint8Array;
  clusterId?: Uint8Array;
  /** Words of flags behind the first, all without a property: legal, and not seen in practice. */
  emptyFlagWords?: number;
}

type StringProperty = Exclude<
  keyof Properties,
  "headers" | "deliveryMode" | "priority" | "timestamp" | "emptyFlagWords"
>;

/** Strings by their flag; wire order is from the highest flag down. */
const STRINGS: Partial<Record<number, StringProperty>> = {
  0x8000: "contentType",
  0x4000: "contentEncoding",
  0x0400: "correlationId",
  0x0200: "replyTo",
  0x0100: "expiration",
  0x0080: "messageId",
  0x0020: "type",
  0x0010: "userId",
  0x0008: "appId",
  0x0004: "clusterId",
};
const CONTENT_TYPE = 0x8000;
const CONTENT_ENCODING = 0x4000;
const HEADERS = 0x2000;
const DELIVERY_MODE = 0x1000;
const PRIORITY = 0x0800;
const TIMESTAMP = 0x0040;
/** Of the first word of flags: unused, and "another word follows". */
const UNUSED = 0x0002;
const CONTINUED = 0x0001;

/**
 * Decodes property flags and property list as they stand in a content header behind the body size.
 * {@linkcode encodeProperties} gives the same bytes again.
 *
 * @throws {RangeError} when they are malformed.
 */
export function decodeProperties(raw: Uint8Array): Properties {
  const reader = new WireReader(raw);
  const { flags, emptyFlagWords } = readFlags(reader);
  const properties: Properties = emptyFlagWords > 0 ? { emptyFlagWords } : {};
  for (let flag = 0x8000; flag > UNUSED; flag >>>= 1) {
    if ((flags & flag) === 0) continue;
    const name = STRINGS[flag];
    if (name !== undefined) properties[name] = reader.shortString();
    else if (flag === HEADERS) properties.headers = readTable(reader);
    else if (flag === DELIVERY_MODE) properties.deliveryMode = reader.octet();
    else if (flag === PRIORITY) properties.priority = reader.octet();
    else properties.timestamp = reader.uint64();
  }
  if (reader.at !== reader.end) {
    throw new RangeError("Cannot decode properties: there is more than their flags say");
  }
  return properties;
}

/** Encodes property flags and property list for a content header. */
export function encodeProperties(properties: Properties): Uint8Array {
  const writer = new WireWriter();
  const empty = properties.emptyFlagWords ?? 0;
  writer.uint16(flagsOf(properties) | (empty > 0 ? CONTINUED : 0));
  for (let word = 1; word <= empty; word++) writer.uint16(word < empty ? CONTINUED : 0);
  for (let flag = 0x8000; flag > UNUSED; flag >>>= 1) {
    const name = STRINGS[flag];
    if (name !== undefined) {
      const value = properties[name];
      if (value !== undefined) writer.shortString(value);
    } else if (flag === HEADERS) {
      if (properties.headers !== undefined) writeTable(writer, properties.headers);
    } else if (flag === DELIVERY_MODE) {
      if (properties.deliveryMode !== undefined) writer.octet(properties.deliveryMode);
    } else if (flag === PRIORITY) {
      if (properties.priority !== undefined) writer.octet(properties.priority);
    } else if (properties.timestamp !== undefined) writer.uint64(properties.timestamp);
  }
  return writer.finish();
}

/**
 * The first header called `name`, without decoding the others.
 *
 * @throws {RangeError} when the bytes up to it are malformed.
 */
export function headerValue(raw: Uint8Array, name: string): FieldValue | undefined {
  const reader = new WireReader(raw);
  const table = findTable(reader);
  if (table === undefined) return undefined;
  const wanted = nameBytes(name);
  while (table.at < table.end) {
    if (equal(table.shortString(), wanted)) return readValue(table);
    skipValue(table);
  }
  return undefined;
}

/**
 * The property `timestamp` (seconds since 1970), without decoding the others.
 *
 * @throws {RangeError} when the bytes up to it are malformed.
 */
export function timestampOf(raw: Uint8Array): bigint | undefined {
  const reader = new WireReader(raw);
  const { flags } = readFlags(reader);
  if ((flags & TIMESTAMP) === 0) return undefined;
  for (let flag = CONTENT_TYPE; flag > TIMESTAMP; flag >>>= 1) {
    if ((flags & flag) === 0) continue;
    if (flag === HEADERS) reader.skip(reader.uint32());
    else reader.skip(flag === DELIVERY_MODE || flag === PRIORITY ? 1 : reader.octet());
  }
  return reader.uint64();
}

/**
 * The properties without all headers of these names; the very same array when there are none.
 * All other bytes stay as they are. A table that gets empty goes too: the broker made it for the
 * headers that it added.
 *
 * @throws {RangeError} when the bytes are malformed.
 */
export function withoutHeaders(raw: Uint8Array, names: ReadonlySet<string>): Uint8Array {
  const table = findTable(new WireReader(raw));
  if (table === undefined) return raw;
  const { at: tableStart, end: tableEnd } = table;
  const cuts: [start: number, end: number][] = [];
  let removed = 0;
  while (table.at < tableEnd) {
    const start = table.at;
    const name = table.shortString();
    skipValue(table);
    if (!isNamed(name, names)) continue;
    cuts.push([start, table.at]);
    removed += table.at - start;
  }
  if (removed === 0) return raw;
  if (removed === tableEnd - tableStart) return withoutTable(raw, { tableStart, tableEnd });
  const result = new Uint8Array(raw.length - removed);
  let from = 0;
  let to = 0;
  for (const [start, end] of [...cuts, [raw.length, raw.length] as const]) {
    result.set(raw.subarray(from, start), to);
    to += start - from;
    from = end;
  }
  new DataView(result.buffer).setUint32(tableStart - 4, tableEnd - tableStart - removed);
  return result;
}

/**
 * The properties with a header behind all others, in place of any of that name. All other
 * bytes stay as they are.
 *
 * @throws {RangeError} when the bytes are malformed, or the name is longer than 255 bytes.
 */
export function withHeader(raw: Uint8Array, name: string, field: FieldValue): Uint8Array {
  const bare = withoutHeaders(raw, new Set([name]));
  const reader = new WireReader(bare);
  const hasTable = hasTableAhead(reader);
  const tableAt = reader.at;
  const entries = hasTable ? reader.take(reader.uint32()) : new Uint8Array(0);
  const writer = new WireWriter();
  writer.raw(bare.subarray(0, tableAt));
  writer.sized(() => {
    writer.raw(entries);
    writer.shortString(nameBytes(name));
    writeValue(writer, field);
  });
  writer.raw(bare.subarray(reader.at));
  const result = writer.finish();
  result[0]! |= HEADERS >>> 8;
  return result;
}

/** The bytes of a property list in front of its headers, each header, and what is behind them. */
export function splitAtHeaders(
  raw: Uint8Array,
): { before: Uint8Array; headers: Uint8Array[]; behind: Uint8Array } {
  const reader = new WireReader(raw);
  const table = findTable(reader);
  if (table === undefined) return { before: raw, headers: [], behind: raw.subarray(raw.length) };
  const before = raw.subarray(0, table.at - 4);
  const headers: Uint8Array[] = [];
  while (table.at < table.end) {
    const start = table.at;
    table.shortString();
    skipValue(table);
    headers.push(raw.subarray(start, table.at));
  }
  return { before, headers, behind: raw.subarray(table.end) };
}

function withoutTable(
  raw: Uint8Array,
  { tableStart, tableEnd }: { tableStart: number; tableEnd: number },
): Uint8Array {
  const result = new Uint8Array(raw.length - 4 - (tableEnd - tableStart));
  result.set(raw.subarray(0, tableStart - 4));
  result.set(raw.subarray(tableEnd), tableStart - 4);
  const view = new DataView(result.buffer);
  view.setUint16(0, view.getUint16(0) & ~HEADERS);
  return result;
}

/** A reader of the header table's entries, or `undefined` when there is no table. */
function findTable(reader: WireReader): WireReader | undefined {
  return hasTableAhead(reader) ? reader.part(reader.uint32()) : undefined;
}

/** Moves to where the length of the header table stands, or would stand. */
function hasTableAhead(reader: WireReader): boolean {
  const { flags } = readFlags(reader);
  if ((flags & CONTENT_TYPE) !== 0) reader.skip(reader.octet());
  if ((flags & CONTENT_ENCODING) !== 0) reader.skip(reader.octet());
  return (flags & HEADERS) !== 0;
}

function readFlags(reader: WireReader): { flags: number; emptyFlagWords: number } {
  const flags = reader.uint16();
  if ((flags & UNUSED) !== 0) throw new RangeError("Cannot decode properties: unknown flag");
  let emptyFlagWords = 0;
  for (let word = flags; (word & CONTINUED) !== 0; emptyFlagWords++) {
    word = reader.uint16();
    if ((word & ~CONTINUED) !== 0) throw new RangeError("Cannot decode properties: unknown flag");
  }
  return { flags, emptyFlagWords };
}

function flagsOf(properties: Properties): number {
  let flags = 0;
  for (const [flag, name] of Object.entries(STRINGS)) {
    if (properties[name!] !== undefined) flags |= Number(flag);
  }
  if (properties.headers !== undefined) flags |= HEADERS;
  if (properties.deliveryMode !== undefined) flags |= DELIVERY_MODE;
  if (properties.priority !== undefined) flags |= PRIORITY;
  if (properties.timestamp !== undefined) flags |= TIMESTAMP;
  return flags;
}

const encoder = new TextEncoder();
// One broker connection asks for a handful of names, once a message.
const encodedNames = new Map<string, Uint8Array>();

function nameBytes(name: string): Uint8Array {
  let bytes = encodedNames.get(name);
  if (bytes === undefined) {
    bytes = encoder.encode(name);
    if (encodedNames.size < 64) encodedNames.set(name, bytes);
  }
  return bytes;
}

function isNamed(name: Uint8Array, names: ReadonlySet<string>): boolean {
  for (const candidate of names) {
    if (equal(name, nameBytes(candidate))) return true;
  }
  return false;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return false;
  }
  return true;
}
