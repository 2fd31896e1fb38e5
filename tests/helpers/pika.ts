import assert from "node:assert/strict";
import { join } from "node:path";
import { ensurePython } from "../../scripts/lib/python.ts";
import type { Broker } from "./brokers.ts";

const CLIENT = join(import.meta.dirname ?? ".", "pika_client.py");

/** A header value, tagged by its type: `{"int": "-1"}`, `{"bytes": base64}`, `{"table": {...}}`. */
export type TypedValue =
  | { str: string }
  | { bytes: string }
  | { bool: boolean }
  | { int: string }
  | { float: string }
  | { decimal: string }
  | { timestamp: number }
  | { void: true }
  | { table: Record<string, TypedValue> }
  | { array: TypedValue[] };

/** A message as pika decodes it; the first five as in `tests/fixtures/rbak-v1/*.expected.json`. */
export interface PikaMessage {
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Record<string, unknown>;
  /** Without the counters that brokers add on delivery. */
  readonly headers: Record<string, TypedValue>;
  /** Base64; bodies over 256 bytes only with `fullBody`, else their SHA-256 below. */
  readonly body?: string;
  readonly body_sha256?: string;
  readonly body_size: number;
  /** Property flags and list of the content header as they came, base64. */
  readonly wire: string;
  /** SHA-256 over properties and headers as pika decodes them, and the body. */
  readonly sha256: string;
  /**
   * SHA-256 over the above and the property bytes, which pika does not wholly decode (integer
   * widths, floats, duplicates), less what brokers change: header order and their own counters.
   */
  readonly wire_sha256: string;
  /** Only of messages that were read. */
  readonly redelivered?: boolean;
  readonly queue?: string;
}

/** What to publish: `properties` and `headers`, or both as the raw bytes of `wire`. */
export type MessageToPublish = Partial<Omit<PikaMessage, "routing_key">> & { routing_key: string };

export interface PikaQueue {
  readonly vhost: string;
  readonly name: string;
}

export interface GenerateOptions {
  count: number;
  /** Same seed, same messages; default 1. */
  seed?: number;
  /** How many bodies of `largeSize` bytes (default 8 MiB) are among them; default none. */
  large?: number;
  largeSize?: number;
  /** Publish about half of them to this exchange, which must be bound with `#`. */
  exchange?: string;
  /**
   * Choices for the priority property. Quorum queues of 4.x deliver by priority, so for them choose
   * 4, which is also the priority of a message without one, and order stays as published.
   */
  priorities?: number[];
}

type Target = Pick<Broker, "amqpUrl" | "username">;

/** Publishes made-up messages that use every property and header type; gives them as a reader sees them. */
export async function pikaGenerate(
  broker: Target,
  queue: PikaQueue,
  options: GenerateOptions,
): Promise<PikaMessage[]> {
  const { exchange, priorities } = options;
  return await pika("publish", broker, [
    ...["--vhost", queue.vhost, "--queue", queue.name, "--user-id", broker.username],
    ...["--count", `${options.count}`, "--seed", `${options.seed ?? 1}`],
    ...["--large", `${options.large ?? 0}`, "--large-size", `${options.largeSize ?? 8 << 20}`],
    ...(exchange === undefined ? [] : ["--exchange", exchange]),
    ...(priorities === undefined ? [] : ["--priorities", priorities.join(",")]),
  ]);
}

/** Publishes the given messages in order and waits for the confirms of all. */
export async function pikaPublish(
  broker: Target,
  vhost: string,
  messages: Iterable<MessageToPublish>,
): Promise<PikaMessage[]> {
  const lines = [...messages].map((message) => `${JSON.stringify(message)}\n`).join("");
  return await pika("publish", broker, ["--vhost", vhost], lines);
}

/** Reads what is ready in a queue, or `count` messages; gives them back unless `ack`. */
export async function pikaRead(
  broker: Target,
  queue: PikaQueue,
  options: { ack?: boolean; count?: number; fullBody?: boolean; stream?: boolean } = {},
): Promise<PikaMessage[]> {
  return await pika("read", broker, [
    ...["--vhost", queue.vhost, "--queue", queue.name],
    ...(options.ack || options.stream ? ["--ack"] : []),
    ...(options.stream ? ["--stream"] : []),
    ...(options.fullBody ? ["--full-body"] : []),
    ...(options.count === undefined ? [] : ["--count", `${options.count}`]),
  ]);
}

/** Takes all that is ready off several queues; the messages by queue, in the order they came. */
export async function pikaTake(
  broker: Target,
  { vhost, names }: { vhost: string; names: readonly string[] },
): Promise<Map<string, PikaMessage[]>> {
  const queues = names.flatMap((name) => ["--queue", name]);
  const messages = await pika("read", broker, ["--vhost", vhost, ...queues, "--ack"]);
  return Map.groupBy(messages, ({ queue }) => queue!);
}

async function pika(
  command: "publish" | "read",
  broker: Target,
  args: string[],
  input?: string,
): Promise<PikaMessage[]> {
  const child = new Deno.Command(await ensurePython(), {
    args: [CLIENT, command, "--url", broker.amqpUrl, ...args],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output] = await Promise.all([child.output(), send(child.stdin, input ?? "")]);
  if (!output.success) {
    const reason = new TextDecoder().decode(output.stderr).trim();
    throw new Error(`Cannot ${command} with pika: exit code ${output.code}\n${reason}`);
  }
  const lines = new TextDecoder().decode(output.stdout).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as PikaMessage);
}

async function send(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  try {
    await new Blob([text]).stream().pipeTo(stream);
  } catch {
    // The client ended early; its own words say why.
  }
}

export interface CompareOptions {
  /** Also property bytes, as far as brokers leave them alone; default true. */
  wire?: boolean;
  /** Also exchange and routing key, which a restore straight into a queue changes; default true. */
  routing?: boolean;
}

/** The first place where two sequences of messages differ, in words; undefined when they are equal. */
export function firstDifference(
  expected: readonly PikaMessage[],
  actual: readonly PikaMessage[],
  options: CompareOptions = {},
): string | undefined {
  const digest = options.wire ?? true ? "wire_sha256" : "sha256";
  const routing = options.routing ?? true;
  const length = Math.max(expected.length, actual.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [expected[index], actual[index]];
    const sameContent = one !== undefined && one[digest] === other?.[digest];
    if (sameContent && (!routing || sameRouting(one, other))) continue;
    return `message ${index} of ${expected.length} expected and ${actual.length} actual: ` +
      describeDifference(one, other);
  }
  return undefined;
}

function sameRouting(one: PikaMessage, other: PikaMessage): boolean {
  return one.exchange === other.exchange && one.routing_key === other.routing_key;
}

function describeDifference(one: PikaMessage | undefined, other: PikaMessage | undefined): string {
  if (one === undefined) return `nothing more is expected, there is ${shorten(other)}`;
  if (other === undefined) return `it is missing: ${shorten(one)}`;
  const fields = ["exchange", "routing_key", "properties", "headers", "body_size", "body"] as const;
  for (const field of [...fields, "body_sha256", "wire"] as const) {
    const [wanted, found] = [JSON.stringify(one[field]), JSON.stringify(other[field])];
    if (wanted !== found && !sameTable(one[field], other[field])) {
      return `${field}\n  expected ${shorten(wanted)}\n  actual   ${shorten(found)}`;
    }
  }
  return "only the digests differ";
}

/** Equal but for the order of names. */
function sameTable(one: unknown, other: unknown): boolean {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return false;
  }
}

function shorten(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "nothing";
  return text.length <= 600 ? text : `${text.slice(0, 600)}... (${text.length} characters)`;
}

/** Fails with the first difference unless both hold the same messages in the same order. */
export function assertSameMessages(
  expected: readonly PikaMessage[],
  actual: readonly PikaMessage[],
  options: CompareOptions = {},
): void {
  const difference = firstDifference(expected, actual, options);
  assert.ok(difference === undefined, difference ?? "");
}
