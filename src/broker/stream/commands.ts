/** Questions about streams. */
import { type ChunkHeader, nextOffset } from "../../message/stream_chunk.ts";
import type { StreamConnection } from "./connection.ts";
import { CODE, COMMAND, responseError } from "./protocol.ts";
import { type OffsetSpec, subscribe } from "./subscription.ts";
import { decoded, putString, takeList, takeString } from "./wire.ts";

/** Subscription of a question; those that read have others. */
const PROBE_ID = 255;

/** A node as it tells clients to reach it. */
export interface StreamNode {
  readonly host: string;
  readonly port: number;
}

/** Where a stream is. */
export interface StreamMembers {
  /** Absent while there is none. */
  readonly leader: StreamNode | undefined;
  /** Without the leader. */
  readonly replicas: readonly StreamNode[];
}

/** Asks where a stream is. Throws `broker_missing` when there is none of that name. */
export async function streamMembers(
  connection: StreamConnection,
  stream: string,
): Promise<StreamMembers> {
  const action = `find stream "${stream}"`;
  const reader = await connection.request(COMMAND.metadata, action, (writer) => {
    writer.uint32(1);
    putString(writer, stream);
  });
  return decoded(() => {
    const nodes = new Map(takeList(reader, 8, () => {
      const reference = reader.uint16();
      return [reference, { host: takeString(reader), port: reader.uint32() }] as const;
    }));
    const found = takeList(reader, 10, () => ({
      stream: takeString(reader),
      code: reader.uint16(),
      leader: reader.uint16(),
      replicas: takeList(reader, 2, () => reader.uint16()),
    })).find((entry) => entry.stream === stream);
    if (found === undefined) throw responseError(CODE.noStream, action);
    if (found.code !== CODE.ok) throw responseError(found.code, action);
    const replicas = found.replicas.flatMap((reference) => nodes.get(reference) ?? []);
    return { leader: nodes.get(found.leader), replicas };
  });
}

/** What a stream holds: offsets of its first and its last message; undefined when there is none. */
export interface StreamBounds {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Asks for the first and the last committed offset, on a node that has the stream. The answer to a
 * subscription and the first chunks are sent before the next question is looked at; so a chunk that
 * has not come by the time of that answer is not there, and nothing has to be waited for. (The
 * command for statistics is not in 3.10, and tells of chunks, not of messages.)
 */
export async function streamBounds(
  connection: StreamConnection,
  stream: string,
): Promise<StreamBounds | undefined> {
  const last = await lastChunk(connection, stream);
  const first = await chunkAt(connection, stream, "first");
  if (first === undefined || last === undefined) return undefined;
  return { first: first.offset, last: nextOffset(last) - 1n };
}

/** The header of the last chunk that is committed; undefined when the stream is empty. */
export async function lastChunk(
  connection: StreamConnection,
  stream: string,
): Promise<ChunkHeader | undefined> {
  const last = await chunkAt(connection, stream, "last");
  return last === undefined || last.records === 0 ? undefined : last;
}

/**
 * The header of the chunk that is at a place: the one that holds an offset, or the first behind it. One
 * chunk comes over the wire for it. Undefined when there is none.
 */
export async function chunkAt(
  connection: StreamConnection,
  stream: string,
  from: OffsetSpec,
): Promise<ChunkHeader | undefined> {
  let found: ChunkHeader | undefined;
  const subscription = await subscribe(connection, {
    stream,
    id: PROBE_ID,
    from,
    credit: 1,
    allChunks: typeof from !== "string",
    sink: { header: (header) => found ??= header, end: () => {} },
  });
  await streamMembers(connection, stream);
  await subscription.unsubscribe();
  return found;
}
