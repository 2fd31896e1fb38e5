/** A message of AMQP 1.0 (specification, 3.2), read to be shown: what streams hold. */
import { type Amqp10Value, readAmqp10Value, textOfKey } from "./amqp10_value.ts";
import { lossyText, type ShownField } from "./shown_value.ts";
import { joined, WireReader } from "./wire.ts";

/** The parts of a message. */
export interface Amqp10Message {
  /** Those of its header and its properties that it has. */
  readonly properties: readonly ShownField[];
  /** Application properties: what headers are in AMQP 0-9-1. */
  readonly headers: readonly ShownField[];
  readonly annotations: readonly ShownField[];
  readonly body: Uint8Array;
  /** What the body is, where it is not bytes: then it stands there as JSON or as text. */
  readonly bodyType?: string;
}

const HEADER = ["durable", "priority", "ttl", "first-acquirer", "delivery-count"];
const PROPERTIES = [
  "message-id",
  "user-id",
  "to",
  "subject",
  "reply-to",
  "correlation-id",
  "content-type",
  "content-encoding",
  "absolute-expiry-time",
  "creation-time",
  "group-id",
  "group-sequence",
  "reply-to-group-id",
];

/** By the names that the specification has for them, or by their numbers. */
const SECTIONS: Readonly<Record<string, Section>> = {
  "112": "header",
  "113": "delivery",
  "114": "annotations",
  "115": "properties",
  "116": "application",
  "117": "data",
  "118": "sequence",
  "119": "value",
  "120": "footer",
  "amqp:header:list": "header",
  "amqp:delivery-annotations:map": "delivery",
  "amqp:message-annotations:map": "annotations",
  "amqp:properties:list": "properties",
  "amqp:application-properties:map": "application",
  "amqp:data:binary": "data",
  "amqp:amqp-sequence:list": "sequence",
  "amqp:amqp-value:*": "value",
  "amqp:footer:map": "footer",
};

type Section =
  | "header"
  | "delivery"
  | "annotations"
  | "properties"
  | "application"
  | "data"
  | "sequence"
  | "value"
  | "footer";

/**
 * Reads a message.
 *
 * @throws {RangeError} when the bytes are none: publishers of streams may send any
 */
export function decodeAmqp10Message(bytes: Uint8Array): Amqp10Message {
  const reader = new WireReader(bytes);
  const found = new Map<Section, Amqp10Value[]>();
  while (reader.at < reader.end) {
    if (reader.octet() !== 0x00) throw new RangeError("Cannot read the message: no section");
    const descriptor = readAmqp10Value(reader);
    const section = SECTIONS[String(descriptor.value)];
    if (section === undefined) throw new RangeError("Cannot read the message: unknown section");
    found.set(section, [...found.get(section) ?? [], readAmqp10Value(reader)]);
  }
  const all = (section: Section) => found.get(section) ?? [];
  return {
    properties: [
      ...all("header").flatMap((list) => namedItems(list, HEADER)),
      ...all("properties").flatMap((list) => namedItems(list, PROPERTIES)),
    ],
    headers: all("application").flatMap(namedEntries),
    annotations: [...all("delivery"), ...all("annotations"), ...all("footer")]
      .flatMap(namedEntries),
    ...bodyOf(all),
  };
}

/** The value of an annotation as text; undefined where there is none. */
export function annotationText(
  { annotations }: Pick<Amqp10Message, "annotations">,
  name: string,
): string | undefined {
  const value = annotations.find((field) => field.name === name)?.value;
  return typeof value === "string" ? value : undefined;
}

function bodyOf(
  all: (section: Section) => readonly Amqp10Value[],
): Pick<Amqp10Message, "body" | "bodyType"> {
  const [value] = all("value");
  if (value !== undefined) {
    if (value.bytes !== undefined) return { body: value.bytes, bodyType: "amqp-value" };
    const text = typeof value.value === "string" ? value.value : JSON.stringify(value.value);
    return { body: new TextEncoder().encode(text), bodyType: "amqp-value" };
  }
  const lists = all("sequence");
  if (lists.length > 0) {
    const text = JSON.stringify(lists.flatMap(({ items = [] }) => items.map((one) => one.value)));
    return { body: new TextEncoder().encode(text), bodyType: "amqp-sequence" };
  }
  const pieces = all("data").map(({ bytes }) => bytes ?? new Uint8Array(0));
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  return { body: joined(pieces, size) };
}

function namedItems({ items = [] }: Amqp10Value, names: readonly string[]): ShownField[] {
  return items.flatMap((item, index) =>
    item.type === "null" ? [] : [fieldOf(names[index] ?? `field ${index + 1}`, item)]
  );
}

function namedEntries({ entries = [] }: Amqp10Value): ShownField[] {
  return entries.map(([key, value]) => fieldOf(textOfKey(key), value));
}

function fieldOf(name: string, { type, value, bytes }: Amqp10Value): ShownField {
  // A user id is binary by the specification and a name to people.
  const isName = name === "user-id" && bytes !== undefined;
  return { name, type, value: isName ? lossyText(bytes) : value };
}
