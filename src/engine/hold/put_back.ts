import { readMessages } from "../../archive/record.ts";
import { DEFAULT_EXCHANGE, Publisher } from "../../broker/amqp/publisher.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { SpooledSegment } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import { republished, withoutUserId } from "../../message/broker_headers.ts";
import { readSpooled } from "../spool/spool.ts";

/**
 * Publishes copies of spooled messages to their queue, at its end, one after the other and each
 * confirmed. A copy lacks what the broker would act upon or refuse: its counters, CC and BCC, and a
 * user id that is not ours.
 *
 * @param places of the messages among all that are spooled, from 0, ascending
 * @returns the places whose copies are in the queue; the others are still only held
 */
export async function putBack(
  connection: BrokerConnection,
  options: { queue: string; segments: readonly SpooledSegment[]; places: readonly number[] },
): Promise<number[]> {
  const { queue, segments } = options;
  const wanted = new Set(options.places);
  const routingKey = new TextEncoder().encode(queue);
  const done: number[] = [];
  for await (const { place, message } of spooledMessages(segments)) {
    if (!wanted.has(place)) continue;
    const { properties } = republished(message.head.properties);
    const publish = (list: Uint8Array) =>
      publishOne(connection, { queue, routingKey, properties: list, body: message.body });
    const isIn = await publish(properties) || await publish(withoutUserId(properties));
    if (isIn) done.push(place);
    if (place === options.places.at(-1)) break;
  }
  return done;
}

async function* spooledMessages(segments: readonly SpooledSegment[]) {
  let place = 0;
  for (const { file } of segments) {
    for await (const message of readMessages(readSpooled(file, { reuseBuffer: false }))) {
      yield { place: place++, message };
    }
  }
}

/** True when the broker has confirmed it. */
async function publishOne(
  connection: BrokerConnection,
  message: { queue: string; routingKey: Uint8Array; properties: Uint8Array; body: Uint8Array },
): Promise<boolean> {
  const { queue, routingKey, properties, body } = message;
  if (!connection.isOpen) return false;
  const publisher = new Publisher(connection, {
    window: 1,
    target: `queue "${queue}"`,
    onConfirmed: () => {},
  });
  // Not the run's signal: what is begun here is finished, or a message is lost.
  const { signal } = new AbortController();
  try {
    await publisher.open();
    publisher.begin({ exchange: DEFAULT_EXCHANGE, routingKey, properties, bodySize: body.length });
    publisher.body(body);
    publisher.end();
    await publisher.finish(signal);
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  } finally {
    await publisher.close();
  }
}
