/** The Python readers of backups, and what they print compared with what pika read. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { ensurePython } from "../../scripts/lib/python.ts";
import { decodeProperties } from "../../src/message/properties.ts";
import type { PikaMessage } from "./pika.ts";

const READERS = join(import.meta.dirname ?? ".", "..", "reader");
/** Brokers add these on delivery. */
const ADDED_HEADERS = ["x-delivery-count", "x-acquired-count"];

/** A header value by its wire tag; integers as text with all their digits. */
type Tagged = Record<string, unknown>;

/** One message as the readers print it. */
export interface ReadLine {
  readonly vhost: string;
  readonly queue: string;
  readonly exchange: string;
  readonly routing_key: string;
  readonly redelivered: boolean;
  /** Version 2: the wire bytes in base64; version 1: by their names there. */
  readonly properties: string | Record<string, unknown>;
  readonly headers: [string, Tagged][];
  readonly body_size: number;
  readonly body_sha256: string;
}

/** Runs a reader on a backup's folder; throws when it finds the backup wrong. */
export async function readWithPython(
  folder: string,
  script: "read_backup.py" | "read_rbak_v1.py" = "read_backup.py",
): Promise<ReadLine[]> {
  const python = new Deno.Command(await ensurePython(), {
    args: [join(READERS, script), folder],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
  const { success, stdout, stderr } = await python.output();
  if (!success) throw new Error(`${script} ${folder}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").map(parseLine);
}

/** Fails unless a reader printed, of one queue, what pika read of it. */
export function assertReadersAgree(lines: readonly ReadLine[], messages: PikaMessage[]): void {
  assert.deepEqual(lines.map(comparableLine), messages.map(comparableMessage));
}

function parseLine(line: string): ReadLine {
  const keepDigits = (_: string, value: unknown, context?: { source: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) ? context!.source : value;
  return JSON.parse(line, keepDigits);
}

function comparableLine(line: ReadLine): unknown {
  return {
    exchange: line.exchange,
    routing_key: line.routing_key,
    properties: typeof line.properties === "string"
      ? propertiesOfWire(line.properties)
      : propertiesOfV1(line.properties),
    headers: withoutAdded(tableOf(line.headers)),
    body_size: line.body_size,
    body_sha256: line.body_sha256,
  };
}

function comparableMessage(message: PikaMessage): unknown {
  const { exchange, routing_key, body_size, properties } = message;
  const text = Object.entries(properties).map(([name, value]) => [name, String(value)]);
  return {
    exchange,
    routing_key,
    properties: Object.fromEntries(text),
    headers: withoutAdded(canonical(message.headers) as Record<string, unknown>),
    body_size,
    body_sha256: message.body_sha256 ??
      createHash("sha256").update(Buffer.from(message.body!, "base64")).digest("hex"),
  };
}

function propertiesOfV1(properties: Record<string, unknown>): unknown {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name === "type_field" ? "type" : name,
      name === "timestamp" ? String(Number(value)) : String(value),
    ]),
  );
}

function propertiesOfWire(wire: string): unknown {
  const { headers: _, ...properties } = decodeProperties(Buffer.from(wire, "base64"));
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      // pika's timestamp went through JSON, which rounds beyond 2^53.
      typeof value === "bigint" ? String(Number(value)) : textOf(value as Uint8Array | number),
    ]),
  );
}

function textOf(value: Uint8Array | number): string {
  return typeof value === "number" ? String(value) : new TextDecoder().decode(value);
}

function tableOf(table: [string, Tagged][]): Record<string, unknown> {
  return Object.fromEntries(table.map(([name, value]) => [name, asPikaSees(value)]));
}

/** The typed form of {@linkcode PikaMessage}'s headers. */
function asPikaSees(tagged: Tagged): unknown {
  const [tag, value] = Object.entries(tagged)[0]!;
  switch (tag) {
    case "S":
    case "x":
      return stringAsPikaSees(tag, value as string);
    case "t":
      return { bool: value };
    case "T":
      return { timestamp: value };
    case "D": {
      const [scale, unscaled] = value as [number, number];
      return { decimal: Number(`${unscaled | 0}e-${scale}`) };
    }
    case "V":
      return { void: true };
    case "A":
      return { array: (value as Tagged[]).map(asPikaSees) };
    case "F":
      return { table: tableOf(value as [string, Tagged][]) };
    default:
      return { int: String(value) };
  }
}

/** pika gives long strings as text where they are UTF-8. */
function stringAsPikaSees(tag: string, base64: string): unknown {
  if (tag === "x") return { bytes: base64 };
  try {
    const options = { fatal: true, ignoreBOM: true };
    return { str: new TextDecoder("utf-8", options).decode(Buffer.from(base64, "base64")) };
  } catch {
    return { bytes: base64 };
  }
}

/** The same decimal may be written in several ways. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "decimal" && typeof inner === "string" ? Number(inner) : canonical(inner),
    ]),
  );
}

function withoutAdded(headers: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !ADDED_HEADERS.includes(name)),
  );
}
