/** Headers that a broker adds to what it delivers, or acts upon when they are published. */
import type { FieldValue } from "./field_table.ts";
import {
  decodeProperties,
  encodeProperties,
  headerValue,
  withHeader,
  withoutHeaders,
} from "./properties.ts";

/** What the broker adds to a delivery: published again it would mislead consumers. */
const COUNTERS = ["x-delivery-count", "x-acquired-count", "x-stream-offset"];
/** They make the broker copy a message to further queues. */
const COPYING = ["CC", "BCC"];

/** Of the second octet of property flags: there is a user id. */
const USER_ID_FLAG = 0x10;

const COUNTER_HEADERS: ReadonlySet<string> = new Set(COUNTERS);
const COPYING_HEADERS: ReadonlySet<string> = new Set(COPYING);
const DROPPED_HEADERS: ReadonlySet<string> = new Set([...COUNTERS, ...COPYING]);

/** No broker gets this far; clients may send any number. */
const LARGEST_COUNT = 1_000_000;

/**
 * The broker's count of deliveries of a message of a quorum queue; undefined without one. A message
 * that was not delivered before has none: what it carries is of a client.
 */
export function deliveryCount(
  { redelivered, properties }: { redelivered: boolean; properties: Uint8Array },
): number | undefined {
  if (!redelivered) return undefined;
  try {
    const count = numericHeader(properties, "x-delivery-count");
    if (count === undefined || !Number.isInteger(count) || count < 0) return undefined;
    // Every delivery that failed was one that began (4.3 and newer tell both).
    const most = numericHeader(properties, "x-acquired-count") ?? LARGEST_COUNT;
    return count <= most ? count : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The offset of a message that was read from a stream; undefined without one. */
export function streamOffset(properties: Uint8Array): number | undefined {
  try {
    return numericHeader(properties, "x-stream-offset");
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function numericHeader(properties: Uint8Array, name: string): number | undefined {
  const header = headerValue(properties, name);
  if (header === undefined || !("value" in header)) return undefined;
  const { value } = header;
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

/**
 * Whether a stream takes a message with these properties by AMQP 0-9-1: over a decimal in headers
 * RabbitMQ (3.10.8, 4.0.5 and 4.3.6 tried) ends the connection. Those that are nested count in headers
 * that are made annotations.
 */
export function isTakenByStream(properties: Uint8Array): boolean {
  try {
    const { headers = [] } = decodeProperties(properties);
    return !headers.some(([name, field]) =>
      field.tag === "D" || (name[0] === 0x78 && name[1] === 0x2d && hasDecimal(field))
    );
  } catch (error) {
    // What cannot be read is for the broker to judge.
    if (error instanceof RangeError) return true;
    throw error;
  }
}

function hasDecimal(field: FieldValue): boolean {
  if (field.tag === "A") return field.value.some(hasDecimal);
  if (field.tag === "F") return field.value.some(([, value]) => hasDecimal(value));
  return field.tag === "D";
}

/** A property list to be published to the queue that it was delivered from; `copied` to others, too. */
export function republished(properties: Uint8Array): { properties: Uint8Array; copied: boolean } {
  const kept = withoutHeaders(properties, DROPPED_HEADERS);
  const copied = kept !== properties && withoutHeaders(properties, COPYING_HEADERS) !== properties;
  return { properties: kept, copied };
}

/** A property list to be published to the exchange that it came through: the broker copies it anew. */
export function withoutCounters(properties: Uint8Array): Uint8Array {
  return withoutHeaders(properties, COUNTER_HEADERS);
}

/** The user's name that a message was published under, if it says one. */
export function userIdOf(properties: Uint8Array): Uint8Array | undefined {
  // Looked at for each message: most have none, and are not decoded.
  return (properties[1]! & USER_ID_FLAG) === 0 ? undefined : decodeProperties(properties).userId;
}

/** With the user's name as a header instead; a header of that name stays, being the older one. */
export function withUserIdAsHeader(properties: Uint8Array, header: string): Uint8Array {
  const userId = userIdOf(properties);
  if (userId === undefined) return properties;
  const bare = withoutUserId(properties);
  return headerValue(bare, header) === undefined
    ? withHeader(bare, header, { tag: "S", value: userId })
    : bare;
}

/** Without the user's name, which the broker takes from that user only. */
export function withoutUserId(properties: Uint8Array): Uint8Array {
  const { userId: _, ...others } = decodeProperties(properties);
  return encodeProperties(others);
}
