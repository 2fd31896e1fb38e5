import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import { AppError } from "../../errors.ts";
import type { RestoreItem } from "./context.ts";

/** How long the target's depth may take to show the last messages, milliseconds. */
const SETTLE_MS = 10_000;

/** Confirmed is not kept: a length limit that drops the oldest confirms all the same. */
export async function checkDepth(
  connection: BrokerConnection,
  { item, published }: {
    item: Pick<RestoreItem, "destination" | "depthBefore">;
    /** Messages that were confirmed since. */
    published: number;
  },
): Promise<void> {
  const { destination: { name }, depthBefore } = item;
  await using inspector = new QueueInspector(connection);
  const expected = depthBefore + published;
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const { ready, consumers } = await inspector.depth(name);
    if (ready >= expected || consumers > 0) return;
    if (performance.now() > deadline) {
      throw new AppError(
        "failed",
        `Cannot restore queue "${name}" whole: ${published} messages were confirmed, but it ` +
          `holds ${ready} where ${expected} should be`,
        {
          hint:
            "a max-length or message TTL on the target queue drops messages; lift it and restore again",
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
