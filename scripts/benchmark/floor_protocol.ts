/** What the bare clients and the bench tell each other: arguments as JSON, moments as lines. */

import type { StreamConnection } from "../../src/broker/stream/connection.ts";
import { openStreamConnection } from "../../src/broker/stream/open.ts";
import { amqpEndpoint } from "../../tests/helpers/direct.ts";

/** Argument of `floor_consumer.ts`. */
export interface ConsumerTask {
  readonly amqpUrl: string;
  readonly queue: string;
  readonly messages: number;
  /** Largest prefetch of one consumer; 0 is unlimited, for classic queues only. */
  readonly window: number;
}

/** Argument of `floor_publisher.ts`. */
export interface PublisherTask {
  readonly amqpUrl: string;
  readonly queue: string;
  readonly messages: number;
  /** Messages that may wait for their confirm. */
  readonly window: number;
  /** As {@linkcode writeBodies} makes it. */
  readonly bodies: string;
}

/** Where the bare clients of streams go. */
interface StreamTask {
  readonly amqpUrl: string;
  readonly port: number;
  readonly vhost: string;
  readonly stream: string;
  readonly messages: number;
}

/** Argument of `floor_stream_reader.ts`. */
export type StreamReaderTask = StreamTask;

/** Argument of `floor_stream_publisher.ts`; see {@linkcode PublisherTask}. */
export interface StreamPublisherTask extends StreamTask {
  readonly window: number;
  readonly bodies: string;
}

/** A connection for a bare client of streams. */
export async function openTaskStream(
  { amqpUrl, port, vhost }: StreamTask,
): Promise<StreamConnection> {
  return await openStreamConnection({ ...amqpEndpoint(amqpUrl), stream_port: port }, {
    vhost,
    name: "rabbitmq-backup bench",
    signal: new AbortController().signal,
  });
}

/** What a line on stdout says has just happened. */
export type Moment = "delivered" | "returned" | "confirmed";

/** Prints a moment with the time of the system clock, for the bench to read. */
export function reportMoment(moment: Moment, about: { bytes?: number } = {}): void {
  const at = performance.timeOrigin + performance.now();
  const line = `${JSON.stringify({ moment, at, ...about })}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

/** When `moment` was reported in what a client printed, epoch milliseconds. */
export function momentIn(stdout: string, moment: Moment): number {
  return reportIn(stdout, moment).at;
}

/** The same, with what was reported beside the time. */
export function reportIn(stdout: string, moment: Moment): { at: number; bytes?: number } {
  for (const line of stdout.split("\n")) {
    if (line === "") continue;
    const said = JSON.parse(line) as { moment: Moment; at: number; bytes?: number };
    if (said.moment === moment) return said;
  }
  throw new Error(`Cannot time the bare client: it did not report '${moment}'`);
}

/** The only argument, as JSON. */
export function readTask<T>(): T {
  return JSON.parse(Deno.args[0] ?? "") as T;
}
