/** Annotations of messages of AMQP 1.0 (specification, 3.2.3): one is found, others are added. */
import { SECTION, type Section, sectionsOf, skipValue } from "./amqp10_sections.ts";
import { joined, WireReader, WireWriter } from "./wire.ts";

const MAP8 = 0xc1;
const MAP32 = 0xd1;
const SYMBOL8 = 0xa3;
const LONG = 0x81;
/** Strings and symbols, with a length of 1 byte or of 4. */
const TEXTS8 = [0xa1, 0xa3];
const TEXTS32 = [0xb1, 0xb3];

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A message annotation that is a text; undefined when there is none, also in what is no message. */
export function textAnnotation(message: Uint8Array, name: string): string | undefined {
  try {
    for (const section of sectionsOf(message)) {
      if (section.code > SECTION.messageAnnotations) return undefined;
      if (section.code === SECTION.messageAnnotations) return find(message, { section, name });
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

/**
 * The message with annotations of type `long`; all other bytes stay as they are, and annotations of
 * these names that it has already. Undefined when it is no message of AMQP 1.0.
 */
export function withAnnotations(
  message: Uint8Array,
  annotations: Readonly<Record<string, bigint>>,
): Uint8Array | undefined {
  try {
    const sections = [...sectionsOf(message)];
    if (sections.length === 0) return undefined;
    const known = sections.find(({ code }) => code === SECTION.messageAnnotations);
    const at = known?.start ??
      sections.find(({ code }) => code > SECTION.messageAnnotations)?.start ?? message.length;
    const changed = annotated(known && mapAt(message, known), annotations);
    const parts = [message.subarray(0, at), changed, message.subarray(known?.end ?? at)];
    return joined(parts, parts.reduce((sum, { length }) => sum + length, 0));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A map in the bytes of a message: how many keys and values it has, and a reader of these. */
interface MapContent {
  readonly values: number;
  readonly content: WireReader;
}

function mapAt(message: Uint8Array, { at, end }: Section): MapContent {
  const reader = new WireReader(message, at, end);
  const constructor = reader.octet();
  if (constructor !== MAP8 && constructor !== MAP32) {
    throw new RangeError("Cannot read the message: its annotations are no map");
  }
  const content = reader.part(constructor === MAP8 ? reader.octet() : reader.uint32());
  return { values: constructor === MAP8 ? content.octet() : content.uint32(), content };
}

/** The section of annotations, with more in it. */
function annotated(
  known: MapContent | undefined,
  annotations: Readonly<Record<string, bigint>>,
): Uint8Array {
  const names = new Set<string | undefined>();
  const from = known?.content.at ?? 0;
  for (let left = known?.values ?? 0; left >= 2; left -= 2) {
    names.add(takeText(known!.content));
    skipValue(known!.content);
  }
  const added = Object.entries(annotations).filter(([name]) => !names.has(name));
  const writer = new WireWriter();
  writer.raw(Uint8Array.of(0, 0x53, SECTION.messageAnnotations, MAP32));
  writer.sized(() => {
    writer.uint32((known?.values ?? 0) + 2 * added.length);
    if (known !== undefined) writer.raw(known.content.bytes.subarray(from, known.content.end));
    for (const [name, value] of added) {
      writer.octet(SYMBOL8);
      writer.shortString(encoder.encode(name));
      writer.octet(LONG);
      writer.uint64(BigInt.asUintN(64, value));
    }
  });
  return writer.finish();
}

function find(
  message: Uint8Array,
  { section, name }: { section: Section; name: string },
): string | undefined {
  const { values, content } = mapAt(message, section);
  for (let left = values; left >= 2; left -= 2) {
    const key = takeText(content);
    const value = takeText(content);
    if (key === name) return value;
  }
  return undefined;
}

/** A string or symbol; undefined for any other value, which is passed over. */
function takeText(reader: WireReader): string | undefined {
  const constructor = reader.bytes[reader.at];
  if (constructor !== undefined && reader.at < reader.end) {
    if (TEXTS8.includes(constructor)) {
      reader.skip(1);
      return decoder.decode(reader.take(reader.octet()));
    }
    if (TEXTS32.includes(constructor)) {
      reader.skip(1);
      return decoder.decode(reader.take(reader.uint32()));
    }
  }
  skipValue(reader);
  return undefined;
}
