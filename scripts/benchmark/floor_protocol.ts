/** What the bare clients and the bench tell each other: arguments as JSON, moments as lines. */

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

/** What a line on stdout says has just happened. */
export type Moment = "delivered" | "returned" | "confirmed";

/** Prints a moment with the time of the system clock, for the bench to read. */
export function reportMoment(moment: Moment): void {
  const line = `${JSON.stringify({ moment, at: performance.timeOrigin + performance.now() })}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

/** When `moment` was reported in what a client printed, epoch milliseconds. */
export function momentIn(stdout: string, moment: Moment): number {
  for (const line of stdout.split("\n")) {
    if (line === "") continue;
    const said = JSON.parse(line) as { moment: Moment; at: number };
    if (said.moment === moment) return said.at;
  }
  throw new Error(`Cannot time the bare client: it did not report '${moment}'`);
}

/** The only argument, as JSON. */
export function readTask<T>(): T {
  return JSON.parse(Deno.args[0] ?? "") as T;
}
