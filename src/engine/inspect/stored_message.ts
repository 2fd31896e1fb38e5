import type { Amqp10Message } from "../../message/amqp10_message.ts";
import type { MessageHead } from "../../message/message.ts";
import { decodeProperties, type Properties } from "../../message/properties.ts";
import {
  type Shown,
  shownBytes,
  type ShownField,
  shownTable,
  shownTime,
} from "../../message/shown_value.ts";

/** A message of a backup, to be looked at. */
export interface StoredMessage {
  /** Its place in the queue, from 1. */
  readonly number: number;
  /** When the backup read it; of a stream, when the broker wrote its chunk. Epoch milliseconds. */
  readonly time: number;
  /** Only of a stream. */
  readonly offset?: number;
  /** Not of a stream. */
  readonly redelivered?: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  /** Bytes of the whole body. */
  readonly bodySize: number;
  /** Its beginning: as much as was asked for. */
  readonly body: Uint8Array;
  /** Reads what else it carries. */
  details(): MessageDetails;
}

/** What a message carries beside its body. */
export interface MessageDetails {
  readonly properties: readonly ShownField[];
  /** Of AMQP 1.0: application properties. */
  readonly headers: readonly ShownField[];
  /** Only of AMQP 1.0: of the message and of its deliveries. */
  readonly annotations: readonly ShownField[];
  /** What the body is where it is not bytes: `amqp-value`, `amqp-sequence`. */
  readonly bodyType?: string;
  /** Why something of it cannot be told. */
  readonly problem?: string;
}

const NOTHING = { properties: [], headers: [], annotations: [] };

/** Names as AMQP 0-9-1 has them, in its order. */
const NAMES = [
  ["content-type", "contentType"],
  ["content-encoding", "contentEncoding"],
  ["delivery-mode", "deliveryMode"],
  ["priority", "priority"],
  ["correlation-id", "correlationId"],
  ["reply-to", "replyTo"],
  ["expiration", "expiration"],
  ["message-id", "messageId"],
  ["timestamp", "timestamp"],
  ["type", "type"],
  ["user-id", "userId"],
  ["app-id", "appId"],
  ["cluster-id", "clusterId"],
] as const;

/** What a message of AMQP 0-9-1 carries. */
export function detailsOfHead(
  { properties: raw }: Pick<MessageHead, "properties">,
): MessageDetails {
  let properties: Properties;
  try {
    properties = decodeProperties(raw);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ...NOTHING, problem: "its properties are malformed" };
  }
  return {
    ...NOTHING,
    properties: NAMES.flatMap(([name, key]) => {
      const value = properties[key];
      return value === undefined ? [] : [{ name, ...shownProperty(value) }];
    }),
    headers: shownTable(properties.headers ?? []),
  };
}

/** What a message of AMQP 1.0 carries; undefined: the bytes are none. */
export function detailsOfAmqp10(message: Amqp10Message | undefined): MessageDetails {
  if (message === undefined) {
    return { ...NOTHING, problem: "it is no AMQP 1.0 message: its body is all of its bytes" };
  }
  const { properties, headers, annotations, bodyType } = message;
  return { properties, headers, annotations, ...bodyType === undefined ? {} : { bodyType } };
}

/** What a message carries that cannot be read at all. */
export function unreadable(problem: string): MessageDetails {
  return { ...NOTHING, problem };
}

/** All that a search looks at beside the body: each field as `name=value`. */
export function searchedText(message: StoredMessage): Uint8Array {
  const { properties, headers, annotations } = message.details();
  const fields = [...properties, ...headers, ...annotations];
  const lines = fields.map(({ name, value }) => `${name}=${plainText(value)}`);
  return new TextEncoder().encode([message.routingKey, message.exchange, ...lines].join("\n"));
}

function plainText(value: Shown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shownProperty(value: Uint8Array | number | bigint): { type: string; value: Shown } {
  if (typeof value === "number") return { type: "uint8", value };
  if (typeof value === "bigint") return { type: "timestamp", value: shownTime(value * 1000n) };
  return { type: "string", value: shownBytes(value) };
}
