/**
 * Sections of AMQP 1.0 in headers of a message of AMQP 0-9-1: RabbitMQ 4 makes AMQP 1.0 of these again
 * (mc_amqpl.erl), and fails over some values, which are left out here: tried with 4.0.5 and 4.3.6.
 */
import { SECTION, type Section, skipValue } from "./amqp10_sections.ts";
import { type Amqp10Value, readAmqp10 } from "./amqp10_value.ts";
import { type FieldTable, floatValue } from "./field_table.ts";
import { WireReader, WireWriter } from "./wire.ts";

/** Sections by their headers. Without the first, RabbitMQ makes annotations of all others. */
const HEADERS: readonly (readonly [code: number, header: string])[] = [
  [SECTION.messageAnnotations, "x-amqp-1.0-message-annotations"],
  [SECTION.properties, "x-amqp-1.0-properties"],
  [SECTION.applicationProperties, "x-amqp-1.0-app-properties"],
  [SECTION.footer, "x-amqp-1.0-footer"],
];
/** The properties of a message go in one frame, of 128 KiB by default. */
const MAX_BYTES = 64 * 1024;
const MAP8 = 0xc1;
const MAP32 = 0xd1;
const TEXTS = ["string", "symbol"];

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

/** The headers, and whether everything of the sections is in them. */
export function keptSections(
  message: Uint8Array,
  sections: readonly Section[],
): { headers: FieldTable; isWhole: boolean } {
  let isWhole = true;
  let size = 0;
  const headers = HEADERS.flatMap(([code, name]) => {
    const section = sections.find((one) => one.code === code);
    if (section === undefined && code !== SECTION.messageAnnotations) return [];
    const kept = section === undefined
      ? { bytes: mapSection(code, []), isWhole }
      : code === SECTION.properties
      ? { bytes: message.subarray(section.start, section.end), isWhole }
      : keptMap(message, section);
    isWhole &&= kept.isWhole;
    size += kept.bytes.length;
    return [[encoder.encode(name), { tag: "S" as const, value: kept.bytes }] as const];
  });
  return size > MAX_BYTES ? { headers: [], isWhole: false } : { headers, isWhole };
}

/** A section that is a map, with the entries that RabbitMQ takes. */
function keptMap(
  message: Uint8Array,
  { code, at, end }: Section,
): { bytes: Uint8Array; isWhole: boolean } {
  const reader = new WireReader(message, at, end);
  const constructor = reader.octet();
  if (constructor !== MAP8 && constructor !== MAP32) {
    throw new RangeError("Cannot read the message: a section is no map");
  }
  const map = reader.part(constructor === MAP8 ? reader.octet() : reader.uint32());
  const entries: Uint8Array[] = [];
  let isWhole = true;
  for (let left = constructor === MAP8 ? map.octet() : map.uint32(); left >= 2; left -= 2) {
    const start = map.at;
    const key = readAmqp10(map);
    const valueAt = map.at;
    skipValue(map);
    const value = readAmqp10(new WireReader(message, valueAt, map.at));
    if (isTaken(code, { key, value })) entries.push(message.subarray(start, map.at));
    else isWhole = false;
  }
  return { bytes: mapSection(code, entries), isWhole };
}

function mapSection(code: number, entries: readonly Uint8Array[]): Uint8Array {
  const writer = new WireWriter();
  writer.raw(Uint8Array.of(0, 0x53, code, MAP32));
  writer.sized(() => {
    writer.uint32(2 * entries.length);
    entries.forEach((entry) => writer.raw(entry));
  });
  return writer.finish();
}

function isTaken(
  code: number,
  { key, value }: { key: Amqp10Value; value: Amqp10Value },
): boolean {
  if (!TEXTS.includes(key.type) || value.type === "null") return false;
  const name = latin1.decode((key as { value: Uint8Array }).value);
  const isReserved = code !== SECTION.applicationProperties && !name.startsWith("x-");
  return !isReserved && isEncodable(value);
}

function isEncodable(value: Amqp10Value): boolean {
  switch (value.type) {
    case "decimal":
    case "described":
      return false;
    case "float":
    case "double":
      return Number.isFinite(floatValue(value.value));
    case "list":
    case "array":
      return value.value.every(isEncodable);
    case "map":
      return value.value.flat().every(isEncodable);
    default:
      return true;
  }
}
