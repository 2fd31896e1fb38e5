/** What a stream cannot be given back, in its messages: offset and time that they had. */
import { withAnnotations } from "../../message/amqp10.ts";
import type { FieldValue } from "../../message/field_table.ts";
import type { Origin } from "./entries.ts";

/** Annotations of streams, and headers in queues. */
const OFFSET = "x-original-offset";
const TIMESTAMP = "x-original-timestamp";

/** Notes the origin of messages, and counts those that are none of AMQP 1.0 and stay as they are. */
export class OriginAnnotations {
  unmarked = 0;

  readonly mark = (message: Uint8Array, { offset, timestamp }: Origin): Uint8Array => {
    const marked = withAnnotations(message, { [OFFSET]: offset, [TIMESTAMP]: BigInt(timestamp) });
    if (marked === undefined) this.unmarked++;
    return marked ?? message;
  };
}

/** The same as headers; without a time where that is not known. */
export function originHeaders(
  { offset, timestamp }: { offset: number; timestamp: number | undefined },
): (readonly [name: string, value: FieldValue])[] {
  const long = (value: number): FieldValue => ({ tag: "l", value: BigInt(value) });
  return [
    [OFFSET, long(offset)],
    ...timestamp === undefined ? [] : [[TIMESTAMP, long(timestamp)] as const],
  ];
}
