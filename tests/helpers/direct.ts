/** The tool's own AMQP room, used without the engine around it. */
import { type BrokerConnection, openConnection } from "../../src/broker/amqp/connection.ts";
import type { DeliveryHead } from "../../src/broker/amqp/content_tap.ts";
import { DEFAULT_EXCHANGE, Publisher } from "../../src/broker/amqp/publisher.ts";
import {
  QueueReader,
  type ReadEnd,
  type ReturnMethod,
} from "../../src/broker/amqp/queue_reader.ts";
import type { BrokerEndpoint, TlsOptions } from "../../src/config/config.ts";
import { Secret, SecretUrl } from "../../src/config/secret.ts";
import { encodeProperties } from "../../src/message/properties.ts";

/** An endpoint of which only AMQP is used. */
export function amqpEndpoint(url: string, tls: Omit<TlsOptions, "enabled"> = {}): BrokerEndpoint {
  return {
    amqp_url: new SecretUrl(url),
    management_url: "",
    management_username: "",
    management_password: new Secret(""),
    stream_port: 0,
    stream_advertised_hosts: true,
    tls: { enabled: url.startsWith("amqps:"), ...tls },
  };
}

export function openBroker(
  broker: { amqpUrl: string },
  vhost: string,
): Promise<BrokerConnection> {
  return openConnection(amqpEndpoint(broker.amqpUrl), { vhost, name: "test" });
}

/** One message to publish. */
export interface Outgoing {
  properties: Uint8Array;
  body: Uint8Array;
  exchange?: Uint8Array;
  routingKey: Uint8Array;
}

/** The body goes to the publisher in pieces of this size. */
const PIECE_BYTES = 64 * 1024;
const WINDOW = 5_000;

/** Publishes messages through {@linkcode Publisher} and waits for their confirms. */
export async function publishAll(
  connection: BrokerConnection,
  messages: Iterable<Outgoing>,
): Promise<void> {
  const { signal } = new AbortController();
  const publisher: Publisher = new Publisher(connection, {
    window: WINDOW,
    onConfirmed: (confirmed) => publisher.release(confirmed),
  });
  await publisher.open();
  let sent = 0;
  for (const { properties, body, exchange = DEFAULT_EXCHANGE, routingKey } of messages) {
    if (sent++ % 200 === 0) await publisher.flow(200, signal);
    publisher.begin({ exchange, routingKey, properties, bodySize: body.length });
    for (let at = 0; at < body.length; at += PIECE_BYTES) {
      if (at > 0) await publisher.flow(200, signal);
      publisher.body(body.subarray(at, at + PIECE_BYTES));
    }
    publisher.end();
  }
  await publisher.finish(signal);
  await publisher.close();
}

const PERSISTENT = encodeProperties({ deliveryMode: 2 });

/** Publishes messages whose bodies are the numbers 0 to `count` - 1 as text. */
export async function publishNumbers(
  connection: BrokerConnection,
  queue: string,
  count: number,
): Promise<void> {
  const encoder = new TextEncoder();
  const routingKey = encoder.encode(queue);
  await publishAll(
    connection,
    function* () {
      for (let index = 0; index < count; index++) {
        yield { properties: PERSISTENT, body: encoder.encode(`${index}`), routingKey };
      }
    }(),
  );
}

export interface ReadOptions {
  queue: string;
  returnMethod: ReturnMethod;
  limit?: number;
  window?: number;
  idleMs?: number;
  signal?: AbortSignal;
  /** Sees each message's head; its arrays hold only during the call. */
  onHead?: (head: DeliveryHead) => void;
}

const BLANK = 32;

/** What one pass over a queue saw. */
export interface Pass {
  readonly end: ReadEnd;
  /** Bodies as numbers, in order; blanks in a body do not count. */
  readonly numbers: Uint32Array;
}

/** Reads numbers through {@linkcode QueueReader}, and gives the messages back. */
export async function readNumbers(
  connection: BrokerConnection,
  options: ReadOptions,
): Promise<Pass> {
  const { queue, returnMethod, limit = Infinity, window = 65_535, idleMs = 500 } = options;
  const numbers: number[] = [];
  let current = 0;
  const sink = {
    head: (head: DeliveryHead) => {
      current = 0;
      options.onHead?.(head);
    },
    body: (chunk: Uint8Array) => {
      for (const digit of chunk) if (digit !== BLANK) current = current * 10 + digit - 48;
    },
    end: () => void numbers.push(current),
  };
  const reader = new QueueReader(connection, sink, {
    queue,
    limit,
    window,
    returnMethod,
    idleMs,
    signal: options.signal ?? new AbortController().signal,
  });
  let end: ReadEnd;
  try {
    end = await reader.read();
  } finally {
    await reader.giveBack();
  }
  reader.throwIfFailed();
  return { end, numbers: Uint32Array.from(numbers) };
}

/** How often a number is not followed by the next one. */
export function breaksIn(numbers: Uint32Array): number {
  let breaks = 0;
  for (let index = 1; index < numbers.length; index++) {
    if (numbers[index] !== numbers[index - 1]! + 1) breaks++;
  }
  return breaks;
}
