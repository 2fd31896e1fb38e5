/** Streams written and read by RabbitMQ's client library for Go, which knows all codecs. */
import { join } from "node:path";
import { ensureGoProgram } from "../../scripts/lib/go_tool.ts";
import type { Broker } from "./brokers.ts";

const FOLDER = join(import.meta.dirname ?? ".", "stream_go");

export const GO_CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

interface Stream {
  readonly vhost: string;
  readonly name: string;
}

/** Publishes made-up messages with all sections and types in batches, and waits for all confirms. */
export async function goPublish(
  broker: Pick<Broker, "streamPort">,
  stream: Stream,
  options: { count: number; codec: typeof GO_CODECS[number]; first?: number },
): Promise<void> {
  await client("publish", { broker, stream, options });
}

/** Reads the first `count` messages: one line of JSON each, with the types of all values. */
export async function goRead(
  broker: Pick<Broker, "streamPort">,
  stream: Stream,
  options: { count: number },
): Promise<string[]> {
  const output = await client("read", { broker, stream, options });
  return output.split("\n").filter((line) => line !== "");
}

async function client(
  command: "publish" | "read",
  { broker, stream, options }: {
    broker: Pick<Broker, "streamPort">;
    stream: Stream;
    options: Record<string, string | number>;
  },
): Promise<string> {
  const all = { port: broker.streamPort, vhost: stream.vhost, stream: stream.name, ...options };
  const { code, stdout, stderr } = await new Deno.Command(
    await ensureGoProgram("stream-client", FOLDER),
    {
      args: [command, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, `${value}`])],
      stdin: "null",
    },
  ).output();
  const decoder = new TextDecoder();
  if (code === 0) return decoder.decode(stdout);
  throw new Error(`Cannot ${command} with Go: exit code ${code}\n${decoder.decode(stderr)}`);
}
