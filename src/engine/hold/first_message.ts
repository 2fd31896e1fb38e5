import { RecordFingerprint } from "../../archive/fingerprint.ts";
import { RecordParser, type RecordSink } from "../../archive/record.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import { QueueReader } from "../../broker/amqp/queue_reader.ts";
import type { MessageHead } from "../../message/message.ts";

/** How long the broker may take to send the message, milliseconds. */
const IDLE_MS = 1_000;

/** Fingerprint of the first of some records, as `RecordFingerprint` gives it; undefined for none. */
export async function firstRecord(records: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const first = new FirstMessage();
  const parser = new RecordParser(first);
  for await (const chunk of records) {
    parser.push(chunk);
    if (first.isWhole) break;
  }
  return first.fingerprint();
}

/**
 * The same of the first message of a queue, which goes back to its place. By `basic.get`, which no
 * queue takes for a consumer. Only for classic queues: there it costs nothing and moves nothing.
 */
export async function firstInQueue(
  connection: BrokerConnection,
  { queue, signal }: { queue: string; signal: AbortSignal },
): Promise<string | undefined> {
  const first = new FirstMessage();
  const sink = {
    head: (head: Omit<MessageHead, "capturedAt">) => first.head({ ...head, capturedAt: 0 }),
    body: (chunk: Uint8Array) => first.body(chunk),
    end: () => first.end(),
  };
  const options = { queue, limit: 1, window: 1, idleMs: IDLE_MS, signal };
  const reader = new QueueReader(connection, sink, { ...options, returnMethod: "get" });
  try {
    await reader.read();
  } finally {
    await reader.giveBack();
  }
  reader.throwIfFailed();
  return first.fingerprint();
}

/** Takes one message in, and passes over all others. */
class FirstMessage implements RecordSink {
  readonly #fingerprint = new RecordFingerprint();
  isWhole = false;

  head(head: MessageHead): void {
    if (!this.isWhole) this.#fingerprint.head(head);
  }

  body(chunk: Uint8Array): void {
    if (!this.isWhole) this.#fingerprint.body(chunk);
  }

  end(): void {
    this.isWhole = true;
  }

  fingerprint(): string | undefined {
    return this.isWhole ? this.#fingerprint.digest() : undefined;
  }
}
