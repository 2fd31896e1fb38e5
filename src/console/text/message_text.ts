/** Messages of a backup as people see them: nothing in them moves the cursor or hides text. */
import type { StoredMessage } from "../../engine/inspect/stored_message.ts";
import type { Shown, ShownField } from "../../message/shown_value.ts";
import { escapeLines, escapeText } from "./escape.ts";
import { formatBytes, formatCount, formatTime } from "./format.ts";
import { brokenJson } from "./json_lines.ts";
import { renderFields } from "./table.ts";
import { pad } from "./width.ts";

/** How a body is shown; `auto` finds what it is. */
export const BODY_FORMS = ["auto", "text", "json", "hex"] as const;
export type BodyForm = (typeof BODY_FORMS)[number];

/** A body, or the beginning of one, in lines. */
export interface ShownBody {
  readonly form: Exclude<BodyForm, "auto">;
  readonly lines: readonly string[];
  /** What is not as it was asked for. */
  readonly note?: string;
}

/** A body in a form; bytes that are no text come as hex whatever was asked for. */
export function shownBody(
  { body, bodySize }: Pick<StoredMessage, "body" | "bodySize">,
  form: BodyForm,
): ShownBody {
  const isCut = body.length < bodySize;
  const cut = isCut ? { note: `the first ${formatBytes(body.length)} of it` } : {};
  if (form === "hex") return { form, lines: hexLines(body), ...cut };
  const text = textOf(body, isCut);
  if (text === undefined) {
    const note = [form === "auto" ? [] : ["it is no text"], cut.note ?? []].flat().join(", ");
    return { form: "hex", lines: hexLines(body), ...note === "" ? {} : { note } };
  }
  if (form === "text") return { form, lines: textLines(text), ...cut };
  const json = isCut ? undefined : jsonLines(text, form);
  if (json !== undefined) return { form: "json", lines: json };
  const note = [form === "auto" || isCut ? [] : ["it is no JSON"], cut.note ?? []].flat().join("");
  return { form: "text", lines: textLines(text), ...note === "" ? {} : { note } };
}

/** What a message carries, each with its name; types where they are not what names suggest. */
export function messageFields(message: StoredMessage): (readonly [string, string])[] {
  const { properties, headers, annotations, bodyType, problem } = message.details();
  const { number, time, offset, redelivered, exchange, routingKey, bodySize } = message;
  const plain = ({ name, value }: ShownField) => [escapeText(name), valueText(value)] as const;
  const typed = (prefix: string) => ({ name, type, value }: ShownField) => {
    const shownType = TEXT_TYPES.has(type) ? "" : ` (${type})`;
    return [`${prefix}${escapeText(name)}${shownType}`, valueText(value)] as const;
  };
  return [
    ["Message", formatCount(number) + (offset === undefined ? "" : `, offset ${offset}`)],
    [offset === undefined ? "Read" : "Written", formatTime(time)],
    ["Exchange", exchange === "" ? "(default)" : escapeText(exchange)],
    ["Routing key", escapeText(routingKey)],
    ...redelivered === true ? [["Redelivered", "yes"] as const] : [],
    ...properties.map(plain),
    ...headers.map(typed("header ")),
    ...annotations.map(typed("annotation ")),
    ["Body", formatBytes(bodySize) + (bodyType === undefined ? "" : `, ${bodyType}`)],
    ...problem === undefined ? [] : [["Note", escapeText(problem)] as const],
  ];
}

/** All of one message, its body where a form is given. */
export function messageLines(message: StoredMessage, form?: BodyForm): string[] {
  const fields = renderFields(messageFields(message));
  if (form === undefined) return [...fields, ""];
  const { lines, note } = shownBody(message, form);
  return [
    ...fields,
    "",
    ...lines.map((line) => line === "" ? "" : `  ${line}`),
    ...note === undefined ? [] : [`  (${note})`],
    "",
  ];
}

const TIME_WIDTH = 23;
const SIZE_WIDTH = 9;

/** Titles of a list of messages whose numbers have so many digits. */
export function messageListTitle(digits: number): string {
  return listLine(["#", "TIME", "SIZE", "ROUTING KEY"], digits);
}

/** One line of the list. */
export function messageListLine(
  { number, time, bodySize, routingKey }: StoredMessage,
  digits: number,
): string {
  const cells = [String(number), formatTime(time), formatBytes(bodySize), escapeText(routingKey)];
  return listLine(cells, digits);
}

function listLine([number = "", time = "", size = "", key = ""]: string[], digits: number): string {
  const cells = [
    pad(number, digits, "right"),
    pad(time, TIME_WIDTH),
    pad(size, SIZE_WIDTH, "right"),
  ];
  return [...cells, key].join("  ").trimEnd();
}

const TEXT_TYPES = new Set(["string", "symbol"]);

/** A value as text in one line. */
export function valueText(value: Shown): string {
  return escapeText(typeof value === "string" ? value : JSON.stringify(value));
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// deno-lint-ignore no-control-regex
const BINARY = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]/;

/** The body as text; undefined where it is not UTF-8, or has characters that no text has. */
function textOf(body: Uint8Array, isCut: boolean): string | undefined {
  try {
    // A character may be cut through.
    const text = isCut
      ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
        .decode(body, { stream: true })
      : decoder.decode(body);
    return BINARY.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function textLines(text: string): string[] {
  return escapeLines(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ")).split("\n");
}

function jsonLines(text: string, form: BodyForm): string[] | undefined {
  if (form === "auto" && !/^\s*[[{]/.test(text)) return undefined;
  try {
    return textLines(brokenJson(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const HEX_BYTES = 16;

/** `00000000  68 65 6c 6c 6f ...  hello`. */
function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_BYTES) {
    const part = [...bytes.subarray(at, at + HEX_BYTES)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".");
    lines.push(
      `${at.toString(16).padStart(8, "0")}  ${pad(hex, HEX_BYTES * 3 - 1)}  ${text.join("")}`,
    );
  }
  return lines;
}
