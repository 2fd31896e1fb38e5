/** Headers that a broker adds to what it delivers, or acts upon when they are published. */
import { decodeProperties, encodeProperties, headerValue, withoutHeaders } from "./properties.ts";

/** The broker's own counters: published again they would mislead consumers. */
const COUNTERS = ["x-delivery-count", "x-acquired-count"];
/** They make the broker copy a message to further queues. */
const COPYING = ["CC", "BCC"];

const COPYING_HEADERS: ReadonlySet<string> = new Set(COPYING);
const DROPPED_HEADERS: ReadonlySet<string> = new Set([...COUNTERS, ...COPYING]);

/** The broker's count of deliveries; undefined without one, also where a client sent nonsense. */
export function deliveryCount(properties: Uint8Array): number | undefined {
  try {
    const header = headerValue(properties, "x-delivery-count");
    if (header === undefined || !("value" in header)) return undefined;
    const { value } = header;
    return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A property list to be published to the queue that it was delivered from; `copied` to others, too. */
export function republished(properties: Uint8Array): { properties: Uint8Array; copied: boolean } {
  const kept = withoutHeaders(properties, DROPPED_HEADERS);
  const copied = kept !== properties && withoutHeaders(properties, COPYING_HEADERS) !== properties;
  return { properties: kept, copied };
}

/** Without the user's name, which the broker takes from that user only. */
export function withoutUserId(properties: Uint8Array): Uint8Array {
  const { userId: _, ...others } = decodeProperties(properties);
  return encodeProperties(others);
}
