/** Entries that no client library would write, published by our own publisher. */
import { openStreamConnection } from "../../src/broker/stream/open.ts";
import { type OutgoingEntry, StreamPublisher } from "../../src/broker/stream/publisher.ts";
import type { Broker } from "./brokers.ts";
import { amqpEndpoint } from "./direct.ts";

/** Publishes entries in order, any bytes as messages or as batches, and waits for all confirms. */
export async function publishEntries(
  broker: Pick<Broker, "amqpUrl" | "streamPort">,
  { vhost, name }: { vhost: string; name: string },
  entries: readonly Partial<OutgoingEntry>[],
): Promise<void> {
  const { signal } = new AbortController();
  const endpoint = { ...amqpEndpoint(broker.amqpUrl), stream_port: broker.streamPort };
  await using connection = await openStreamConnection(endpoint, { vhost, name: "test", signal });
  using publisher = await StreamPublisher.open(connection, {
    stream: name,
    reference: "test",
    window: 100_000,
    onConfirmed: () => {},
  });
  for (const [index, { body = new Uint8Array(0), ...entry }] of entries.entries()) {
    const outgoing = { id: BigInt(index + 1), records: 1, size: body.length, body, ...entry };
    await publisher.publish(outgoing, signal);
  }
  await publisher.finish(signal);
}
