/** The sections of a message of AMQP 1.0 (specification, 3.2), without reading what is in them. */
import { WireReader } from "./wire.ts";

/** Descriptors of sections, in the order in which they stand. */
export const SECTION = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  sequence: 0x76,
  value: 0x77,
  footer: 0x78,
} as const;

/** A section in the bytes of its message. */
export interface Section {
  /** One of {@linkcode SECTION}. */
  readonly code: number;
  readonly start: number;
  /** Where its value begins, behind the descriptor. */
  readonly at: number;
  readonly end: number;
}

/** Constructors. */
export const DESCRIBED = 0x00;
const SMALL_ULONG = 0x53;
const ULONG = 0x80;
const SYMBOL8 = 0xa3;
const SYMBOL32 = 0xb3;

/** Bytes of a value by the upper half of its constructor; negative: of a length in front of it. */
const SIZES: Readonly<Record<number, number>> = {
  0x4: 0,
  0x5: 1,
  0x6: 2,
  0x7: 4,
  0x8: 8,
  0x9: 16,
  0xa: -1,
  0xb: -4,
  0xc: -1,
  0xd: -4,
  0xe: -1,
  0xf: -4,
};
/** Values nest by descriptors only as deep as this in what is a message. */
const MAX_DEPTH = 8;

/** Descriptors may be written as names, too. */
const NAMES: Readonly<Record<string, number>> = {
  "amqp:header:list": SECTION.header,
  "amqp:delivery-annotations:map": SECTION.deliveryAnnotations,
  "amqp:message-annotations:map": SECTION.messageAnnotations,
  "amqp:properties:list": SECTION.properties,
  "amqp:application-properties:map": SECTION.applicationProperties,
  "amqp:data:binary": SECTION.data,
  "amqp:amqp-sequence:list": SECTION.sequence,
  "amqp:amqp-value:*": SECTION.value,
  "amqp:footer:map": SECTION.footer,
};
const decoder = new TextDecoder();

/**
 * The sections of a message, one after the other.
 *
 * @throws {RangeError} where it is no message of AMQP 1.0
 */
export function* sectionsOf(message: Uint8Array): Generator<Section> {
  const reader = new WireReader(message);
  let before = 0;
  while (reader.at < reader.end) {
    const start = reader.at;
    const code = reader.octet() === DESCRIBED ? takeDescriptor(reader) : undefined;
    // Only those of the body may be there more than once.
    const isRepeated = code === SECTION.data || code === SECTION.sequence;
    if (code === undefined || code < before || (code === before && !isRepeated)) {
      throw new RangeError(
        "Cannot read the message: no section of AMQP 1.0 is where one should be",
      );
    }
    const at = reader.at;
    skipValue(reader);
    yield { code, start, at, end: reader.at };
    before = code;
  }
}

function takeDescriptor(reader: WireReader): number | undefined {
  const constructor = reader.octet();
  if (constructor === SYMBOL8 || constructor === SYMBOL32) {
    const length = constructor === SYMBOL8 ? reader.octet() : reader.uint32();
    return NAMES[decoder.decode(reader.take(length))];
  }
  const code = constructor === SMALL_ULONG
    ? reader.octet()
    : constructor === ULONG
    ? Number(reader.uint64())
    : 0;
  return code >= SECTION.header && code <= SECTION.footer ? code : undefined;
}

/** Passes over a value. @throws {RangeError} */
export function skipValue(reader: WireReader, depth = 0): void {
  const constructor = reader.octet();
  if (constructor === DESCRIBED) {
    if (depth === MAX_DEPTH) throw new RangeError("Cannot read the message: it nests too deep");
    skipValue(reader, depth + 1);
    skipValue(reader, depth + 1);
    return;
  }
  const size = SIZES[constructor >> 4];
  if (size === undefined) throw new RangeError("Cannot read the message: an unknown type");
  if (size >= 0) reader.skip(size);
  else reader.skip(size === -1 ? reader.octet() : reader.uint32());
}
