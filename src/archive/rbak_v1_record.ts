/** One record of format version 1: JSON with typed header values (FORMAT.md, "Version 1"). */
import { AppError, messageOf } from "../errors.ts";
import {
  type FieldTable,
  type FieldValue,
  floatField,
  floatValue,
} from "../message/field_table.ts";
import type { MessageHead } from "../message/message.ts";
import { decodeProperties, encodeProperties, type Properties } from "../message/properties.ts";
import {
  asBoolean,
  asFloat,
  asInteger,
  asList,
  asObject,
  asOctets,
  asShortString,
  asText,
  damaged,
  floatToJson,
  parseJson,
  rawJson,
  shortestFloat32,
  textOf,
} from "./rbak_v1_json.ts";

/** What records of format version 1 say of the queue they come from. */
export interface V1Source {
  readonly vhost: string;
  readonly queue: string;
  /** Delivery tag of the first record; the others count on. */
  readonly firstDeliveryTag: number;
  /** Called for each message that JSON cannot hold exactly, with what is lost. */
  readonly onInexact?: (what: string) => void;
}

/** Names of string properties in version 1, in the order of its records. */
const STRING_FIELDS = {
  content_type: "contentType",
  content_encoding: "contentEncoding",
  correlation_id: "correlationId",
  reply_to: "replyTo",
  expiration: "expiration",
  message_id: "messageId",
  type_field: "type",
  user_id: "userId",
  app_id: "appId",
  cluster_id: "clusterId",
} as const;
const FIELD_ORDER = [
  ...["content_type", "content_encoding", "delivery_mode", "priority", "correlation_id"],
  ...["reply_to", "expiration", "message_id", "timestamp", "type_field", "user_id", "app_id"],
  "cluster_id",
];
/** Version 1's names of integer types, the older ones included. */
const INTEGERS = {
  ShortShortInt: ["b", -128n, 127n],
  ShortShortUInt: ["B", 0n, 255n],
  ShortInt: ["s", -32768n, 32767n],
  Short: ["s", -32768n, 32767n],
  ShortUInt: ["u", 0n, 65535n],
  LongInt: ["I", -(2n ** 31n), 2n ** 31n - 1n],
  LongUInt: ["i", 0n, 2n ** 32n - 1n],
  LongLongInt: ["l", -(2n ** 63n), 2n ** 63n - 1n],
  Long: ["l", -(2n ** 63n), 2n ** 63n - 1n],
  Timestamp: ["T", 0n, 2n ** 64n - 1n],
} as const;
const INTEGER_NAMES = {
  b: "ShortShortInt",
  B: "ShortShortUInt",
  s: "ShortInt",
  u: "ShortUInt",
  I: "LongInt",
  i: "LongUInt",
  l: "LongLongInt",
  L: "LongLongInt",
  T: "Timestamp",
} as const;

const encoder = new TextEncoder();

/**
 * The head of a message from its record without the body, as JSON text.
 *
 * @throws {AppError} `damaged` when it is no such record.
 */
export function headFromV1(json: string, bodySize: number): MessageHead {
  const record = asObject(parseJson(json), "record");
  const fields = asObject(record["properties"], "properties");
  const properties: Properties = {};
  for (const [field, name] of Object.entries(STRING_FIELDS)) {
    const value = fields[field];
    if (value !== null && value !== undefined) properties[name] = asShortString(value, field);
  }
  const headers = asList(record["headers"] ?? [], "headers");
  if (headers.length > 0) properties.headers = tableFromV1(headers);
  const mode = fields["delivery_mode"] ?? null;
  if (mode !== null) properties.deliveryMode = Number(asInteger(mode, 0n, 255n, "delivery_mode"));
  const priority = fields["priority"] ?? null;
  if (priority !== null) properties.priority = Number(asInteger(priority, 0n, 255n, "priority"));
  const time = fields["timestamp"] ?? null;
  if (time !== null) properties.timestamp = asInteger(time, 0n, 2n ** 64n - 1n, "timestamp");
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return {
    capturedAt: Number(asInteger(record["backed_up_at"], -limit, limit, "backed_up_at")),
    redelivered: asBoolean(record["redelivered"], "redelivered"),
    exchange: asShortString(record["exchange"], "exchange"),
    routingKey: asShortString(record["routing_key"], "routing_key"),
    properties: encodeProperties(properties),
    bodySize,
  };
}

/** A record of version 1 as JSON text, from behind the body on: `,"properties":…}`. */
export function tailToV1(head: MessageHead, deliveryTag: number, source: V1Source): string {
  const inexact = new Set<string>();
  const properties = decode(head.properties);
  const fields: Record<string, unknown> = {};
  for (const field of FIELD_ORDER) fields[field] = null;
  for (const [field, name] of Object.entries(STRING_FIELDS)) {
    const value = properties[name];
    if (value !== undefined) fields[field] = textOf(value, inexact);
  }
  fields["delivery_mode"] = properties.deliveryMode ?? null;
  fields["priority"] = properties.priority ?? null;
  if (properties.timestamp !== undefined) {
    fields["timestamp"] = rawJson(String(properties.timestamp));
  }
  const rest = JSON.stringify({
    properties: fields,
    headers: tableToV1(properties.headers ?? [], inexact),
    exchange: textOf(head.exchange, inexact),
    routing_key: textOf(head.routingKey, inexact),
    delivery_tag: deliveryTag,
    redelivered: head.redelivered,
    backed_up_at: head.capturedAt,
    source_queue: source.queue,
    source_vhost: source.vhost,
  });
  for (const what of inexact) source.onInexact?.(what);
  return "," + rest.slice(1);
}

function decode(raw: Uint8Array): Properties {
  try {
    return decodeProperties(raw);
  } catch (cause) {
    throw new AppError("refused", `Cannot write format rbak-v1: ${messageOf(cause)}`, {
      hint:
        "Leave out `backup.format: rbak-v1`: the tool's own format keeps properties as they are",
      cause,
    });
  }
}

function tableFromV1(pairs: unknown[]): FieldTable {
  return pairs.map((pair) => {
    const [name, value] = asList(pair, "header");
    return [asShortString(name, "header name"), valueFromV1(value)] as const;
  });
}

function tableToV1(table: FieldTable, inexact: Set<string>): unknown[] {
  return table.map(([name, value]) => [textOf(name, inexact), valueToV1(value, inexact)]);
}

function valueFromV1(tagged: unknown): FieldValue {
  if (tagged === "Void") return { tag: "V" };
  const [[name, value] = ["nothing", null]] = Object.entries(asObject(tagged, "header value"));
  const type = INTEGERS[name as keyof typeof INTEGERS];
  if (type !== undefined) {
    const [tag, min, max] = type;
    const number = asInteger(value, min, max, name);
    return tag === "l" || tag === "T" ? { tag, value: number } : { tag, value: Number(number) };
  }
  switch (name) {
    case "LongStringBytes":
      return { tag: "S", value: asOctets(value, name) };
    case "LongString":
    // RabbitMQ has no short strings in tables: its tag `s` is int16.
    // falls through
    case "ShortString":
      return { tag: "S", value: encoder.encode(asText(value, name)) };
    case "Bytes":
      return { tag: "x", value: asOctets(value, name) };
    case "Bool":
      return { tag: "t", value: asBoolean(value, name) };
    case "Float":
      return floatField("f", asFloat(value, name));
    case "Double":
      return floatField("d", asFloat(value, name));
    case "Decimal": {
      const decimal = asObject(value, name);
      const unscaled = asInteger(decimal["value"], -(2n ** 31n), 2n ** 32n - 1n, name);
      const scale = Number(asInteger(decimal["scale"], 0n, 255n, name));
      return { tag: "D", scale, value: Number(BigInt.asUintN(32, unscaled)) };
    }
    case "Table":
      return { tag: "F", value: tableFromV1(asList(value, name)) };
    case "Array":
      return { tag: "A", value: asList(value, name).map(valueFromV1) };
    default:
      throw damaged(`a header of unknown type ${JSON.stringify(name)}`);
  }
}

function valueToV1(field: FieldValue, inexact: Set<string>): unknown {
  switch (field.tag) {
    case "S":
      return { LongStringBytes: [...field.value] };
    case "x":
      return { Bytes: [...field.value] };
    case "t":
      if (field.octet !== undefined) inexact.add("a boolean that is neither 0 nor 1");
      return { Bool: field.value };
    case "l":
    case "L":
    case "T":
      return { [INTEGER_NAMES[field.tag]]: rawJson(String(field.value)) };
    case "f":
      return { Float: floatToJson(shortestFloat32(floatValue(field.bits)), inexact) };
    case "d":
      return { Double: floatToJson(floatValue(field.bits), inexact) };
    case "D":
      return { Decimal: { scale: field.scale, value: field.value } };
    case "F":
      return { Table: tableToV1(field.value, inexact) };
    case "A":
      return { Array: field.value.map((value) => valueToV1(value, inexact)) };
    case "V":
      return "Void";
    default:
      return { [INTEGER_NAMES[field.tag]]: field.value };
  }
}
