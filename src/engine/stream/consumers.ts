/** Offsets that consumers have stored: read for a backup. */
import type { StoredConsumer } from "../../archive/manifest.ts";
import { streamMembers } from "../../broker/stream/commands.ts";
import type { StreamConnection } from "../../broker/stream/connection.ts";
import { queryOffset } from "../../broker/stream/offsets.ts";
import { subscribe } from "../../broker/stream/subscription.ts";
import { ConsumerNames } from "../../message/stream_tracking.ts";
import { offsetNumber } from "./chunk_spool.ts";

const TAIL_ID = 254;
/** Chunks that are looked at behind the last message, so many at a time, and so often. */
const TAIL_CREDIT = 32;
const TAIL_ROUNDS = 256;

/**
 * The consumers of a stream and the offsets that they have stored. A broker does not list their names:
 * `known` are those that were in the log; what they stored behind its last message is read here.
 */
export async function storedConsumers(
  connection: StreamConnection,
  { stream, known, behind }: { stream: string; known: Iterable<string>; behind: bigint },
): Promise<StoredConsumer[]> {
  const names = new Set([...known, ...await namesBehind(connection, { stream, behind })]);
  const consumers: StoredConsumer[] = [];
  for (const name of [...names].sort()) {
    const offset = await queryOffset(connection, { stream, name });
    if (offset !== undefined) consumers.push({ name, offset: offsetNumber(offset) });
  }
  return consumers;
}

/** Names in the chunks behind an offset, up to the end, or to messages that came meanwhile. */
async function namesBehind(
  connection: StreamConnection,
  { stream, behind }: { stream: string; behind: bigint },
): Promise<ReadonlySet<string>> {
  const consumers = new ConsumerNames();
  let chunks = 0;
  const subscription = await subscribe(connection, {
    stream,
    id: TAIL_ID,
    from: { offset: behind + 1n },
    credit: TAIL_CREDIT,
    allChunks: true,
    sink: {
      header: (header) => {
        chunks++;
        consumers.header(header);
      },
      bytes: (piece) => consumers.bytes(piece),
      end: () => consumers.end(),
    },
  });
  for (let round = 1; round <= TAIL_ROUNDS; round++) {
    // The broker sends what there is before it answers.
    await streamMembers(connection, stream);
    if (chunks < round * TAIL_CREDIT) break;
    subscription.credit(TAIL_CREDIT);
  }
  await subscription.unsubscribe();
  return consumers.names;
}
