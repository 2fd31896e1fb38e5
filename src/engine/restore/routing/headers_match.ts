import { isRawNumber } from "../../../exact_json.ts";
import { type FieldTable, type FieldValue, floatValue } from "../../../message/field_table.ts";
import { isVoid } from "../definitions.ts";

/** What a headers exchange compares; `undefined` for what is not compared here: tables and lists. */
type Comparable = { kind: string; value: string | number | bigint | boolean } | "void" | undefined;

const latin1 = new TextDecoder("latin1");
const encoder = new TextEncoder();

/**
 * Whether a headers exchange takes a message for a binding with these arguments
 * (https://www.rabbitmq.com/docs/exchanges#headers); undefined when it cannot be told.
 *
 * @param args JSON, or as amqplib takes them
 */
export function headersMatch(
  args: Readonly<Record<string, unknown>>,
  headers: FieldTable,
): boolean | undefined {
  const match = String(args["x-match"] ?? "all");
  const isAny = match.startsWith("any");
  const wanted = Object.entries(args).filter(([name]) =>
    name !== "x-match" && (match.endsWith("-with-x") || !name.startsWith("x-"))
  );
  let isKnown = true;
  for (const [name, value] of wanted) {
    const found = headers.find(([known]) => latin1.decode(known) === bytesText(name))?.[1];
    const isSame = found === undefined ? false : matches(wantedValue(value), heldValue(found));
    if (isSame === undefined) isKnown = false;
    else if (isSame === isAny) return isAny;
  }
  return isKnown ? !isAny : undefined;
}

function matches(wanted: Comparable, held: Comparable): boolean | undefined {
  if (wanted === "void") return true;
  if (wanted === undefined || held === undefined) return undefined;
  if (held === "void") return false;
  return wanted.kind === held.kind && wanted.value === held.value;
}

function wantedValue(value: unknown): Comparable {
  if (isVoid(value)) return "void";
  if (typeof value === "string") return { kind: "text", value: bytesText(value) };
  if (typeof value === "boolean") return { kind: "boolean", value };
  if (typeof value === "bigint") return { kind: "integer", value };
  if (typeof value === "number") return numberOf(value);
  if (isRawNumber(value)) {
    const { rawJSON: digits } = value;
    return /^-?\d+$/.test(digits)
      ? { kind: "integer", value: BigInt(digits) }
      : { kind: "float", value: Number(digits) };
  }
  // amqplib's way to say a type.
  const typed = value as { "!"?: unknown; value?: unknown };
  if (typed["!"] === "double") return { kind: "float", value: Number(typed.value) };
  return typed["!"] === undefined ? undefined : wantedValue(typed.value);
}

function numberOf(value: number): Comparable {
  return Number.isInteger(value)
    ? { kind: "integer", value: BigInt(value) }
    : { kind: "float", value };
}

function heldValue(field: FieldValue): Comparable {
  switch (field.tag) {
    case "S":
    case "x":
      return { kind: "text", value: latin1.decode(field.value) };
    case "t":
      return { kind: "boolean", value: field.value };
    case "f":
    case "d":
      return { kind: "float", value: floatValue(field.bits) };
    case "V":
      return "void";
    case "A":
    case "F":
    case "D":
    case "T":
      return undefined;
    default:
      return { kind: "integer", value: BigInt(field.value) };
  }
}

/** Names and texts are bytes: both sides are compared as such. */
function bytesText(text: string): string {
  return latin1.decode(encoder.encode(text));
}
