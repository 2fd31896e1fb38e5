/** Plain messages by amqplib, on one connection: quicker than a Python process for each queue. */
import { type Channel, type ChannelModel, connect, type GetMessage, type Options } from "amqplib";
import { Buffer } from "node:buffer";
import type { Broker } from "./brokers.ts";
import type { QueueSpec } from "./queues.ts";

/** A message that was taken from a queue. */
export interface PlainMessage {
  readonly body: string;
  readonly redelivered: boolean;
  readonly properties: GetMessage["properties"];
}

/** A client of one vhost. */
export class PlainClient implements AsyncDisposable {
  readonly connection: ChannelModel;

  private constructor(connection: ChannelModel) {
    this.connection = connection;
  }

  static async open(broker: Pick<Broker, "amqpUrl">, vhost: string): Promise<PlainClient> {
    const { hostname, port, username, password } = new URL(broker.amqpUrl);
    // Not as a URL, which cannot end in the vhosts `.` and `..`.
    const connection = await connect({
      hostname,
      port: Number(port),
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      vhost: encodeURIComponent(vhost),
    }, { noDelay: true });
    connection.on("error", () => {}); // it comes as a rejection as well
    return new PlainClient(connection);
  }

  async declare(queues: readonly Omit<QueueSpec, "vhost">[]): Promise<void> {
    await this.onChannel(async (channel) => {
      for (const { name, type, durable, autoDelete, arguments: args } of queues) {
        await channel.assertQueue(name, {
          durable: durable ?? true,
          autoDelete: autoDelete ?? false,
          arguments: { ...(type === undefined ? {} : { "x-queue-type": type }), ...args },
        });
      }
    });
  }

  /** Publishes straight to queues and waits for the confirms. */
  async publish(
    messages: Iterable<readonly [queue: string, body: string, options?: Options.Publish]>,
  ): Promise<void> {
    const channel = await this.connection.createConfirmChannel();
    for (const [queue, body, options] of messages) {
      channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options });
    }
    await channel.waitForConfirms();
    await channel.close();
  }

  /** All that is ready in a queue, in order, taken off it. */
  async take(queue: string): Promise<PlainMessage[]> {
    return await this.onChannel(async (channel) => {
      const messages = await getAll(channel, queue);
      if (messages.length > 0) channel.ackAll();
      return messages;
    });
  }

  /** All that is ready in a queue, in order, given back. */
  async peek(queue: string): Promise<PlainMessage[]> {
    return await this.onChannel((channel) => getAll(channel, queue));
  }

  /** Messages that are ready in queues. */
  async depths(queues: readonly string[]): Promise<number[]> {
    return await this.onChannel(async (channel) => {
      const depths: number[] = [];
      for (const queue of queues) depths.push((await channel.checkQueue(queue)).messageCount);
      return depths;
    });
  }

  async deleteQueues(queues: readonly string[]): Promise<void> {
    await this.onChannel(async (channel) => {
      for (const queue of queues) await channel.deleteQueue(queue);
    });
  }

  async onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = await this.connection.createChannel();
    channel.on("error", () => {}); // it comes as a rejection as well
    const result = await work(channel);
    await channel.close();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
  }
}

async function getAll(channel: Channel, queue: string): Promise<PlainMessage[]> {
  const messages: PlainMessage[] = [];
  for (;;) {
    const message = await channel.get(queue);
    if (message === false) return messages;
    const { content, fields, properties } = message;
    messages.push({ body: content.toString(), redelivered: fields.redelivered, properties });
  }
}
