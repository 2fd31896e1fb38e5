import type { BrokerConnection, NumberedChannel } from "./connection.ts";
import { QueueInspector } from "./queue_inspector.ts";

/** What a user may do with queues of a vhost; each needs a permission of that name. */
export type QueueRight = "configure" | "write" | "read";

/**
 * Finds out what the user of a connection may do, and changes nothing: it asks for what the broker
 * refuses whoever asks, but looks at the permissions first (RabbitMQ 3.10 to 4.3).
 */
export class RightsProbe {
  readonly #connection: BrokerConnection;

  constructor(connection: BrokerConnection) {
    this.#connection = connection;
  }

  /**
   * Whether the user may read a queue, by consuming with a priority that is none. A queue that is not
   * there will do.
   */
  async mayRead(queue: string): Promise<boolean> {
    return await this.#isPermitted(async (channel) => {
      await channel.prefetch(1);
      await channel.consume(queue, () => {}, { arguments: { "x-priority": "none" } });
    });
  }

  /** Whether the user may declare a queue of that name, by declaring one with a time that is none. */
  async mayConfigure(queue: string): Promise<boolean> {
    return await this.#isPermitted((channel) =>
      channel.assertQueue(queue, { durable: true, arguments: { "x-expires": "none" } })
    );
  }

  /** Whether the user may publish to queues of the vhost, through the default exchange. */
  async mayPublish(): Promise<boolean> {
    await using inspector = new QueueInspector(this.#connection);
    return await inspector.mayPublish();
  }

  /** Whether the user may publish messages with the `user_id` of another (the tag `impersonator`). */
  async mayImpersonate(): Promise<boolean> {
    await using inspector = new QueueInspector(this.#connection);
    return await inspector.mayImpersonate() ?? false;
  }

  /** What is refused closes the channel, so each question gets one of its own. */
  async #isPermitted(ask: (channel: NumberedChannel) => Promise<unknown>): Promise<boolean> {
    const channel = await this.#connection.openChannel();
    try {
      await ask(channel);
      // Taken by a broker that minds nothing; closing gives back what it did.
      await this.#connection.closeChannel(channel);
      return true;
    } catch (error) {
      if (this.#connection.lostBecause !== undefined) throw this.#connection.lostBecause;
      return (error as { code?: unknown }).code !== 403;
    }
  }
}
