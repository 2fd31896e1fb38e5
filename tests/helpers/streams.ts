/** Streams written and read by a client that is not ours (rstream). */
import { join } from "node:path";
import { ensurePython } from "../../scripts/lib/python.ts";
import type { Broker } from "./brokers.ts";

const CLIENT = join(import.meta.dirname ?? ".", "stream_client.py");

/** How messages are published: one by one, with filter values, or in batches of a codec. */
export type StreamMode = "plain" | "filter" | "none" | "gzip" | "zstd";

/** A message as rstream reads it. */
export interface StreamMessage {
  readonly offset: number;
  /** The AMQP 1.0 bytes, in base64. */
  readonly message: string;
}

type StreamBroker = Pick<Broker, "streamPort">;

interface Stream {
  readonly vhost: string;
  readonly name: string;
}

/** Publishes made-up messages that use AMQP 1.0's types, or simple ones, and waits for all confirms. */
export async function streamPublish(
  broker: StreamBroker,
  stream: Stream,
  options: {
    count: number;
    mode?: StreamMode;
    batch?: number;
    first?: number;
    seed?: number;
    simple?: true;
    /** `convertible`: RabbitMQ 4 gives each out by AMQP 0-9-1. */
    kind?: "any" | "convertible";
  },
): Promise<void> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  await client("publish", broker, stream, flags);
}

/** Reads the first `count` messages; with a filter what its chunks give within so many seconds. */
export async function streamRead(
  broker: StreamBroker,
  stream: Stream,
  options: { count: number; filter?: string; seconds?: number },
): Promise<StreamMessage[]> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return parsed(await client("read", broker, stream, flags));
}

/** Stores the offset of a consumer, and waits until the broker has it. */
export async function storeConsumer(
  broker: StreamBroker,
  stream: Stream,
  { name, offset }: { name: string; offset: number },
): Promise<void> {
  await client("store", broker, stream, ["--name", name, "--offset", String(offset)]);
}

/** Reads `count` messages from where a consumer has stopped, by the offset that it has stored. */
export async function resumeConsumer(
  broker: StreamBroker,
  stream: Stream,
  { name, count }: { name: string; count: number },
): Promise<StreamMessage[]> {
  const output = await client("resume", broker, stream, ["--name", name, "--count", String(count)]);
  return parsed(output);
}

function parsed(output: string): StreamMessage[] {
  return output.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function client(
  command: "publish" | "read" | "store" | "resume",
  { streamPort }: StreamBroker,
  { vhost, name }: Stream,
  flags: string[],
): Promise<string> {
  const where = ["--port", `${streamPort}`, "--vhost", vhost, "--stream", name];
  const { code, stdout, stderr } = await new Deno.Command(await ensurePython(), {
    args: [CLIENT, command, ...where, ...flags],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (code === 0) return decoder.decode(stdout);
  throw new Error(`Cannot ${command} with rstream: exit code ${code}\n${decoder.decode(stderr)}`);
}
