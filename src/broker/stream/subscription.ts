import { ChunkParser, type ChunkSink } from "../../message/stream_chunk.ts";
import type { WireWriter } from "../../message/wire.ts";
import type { StreamConnection } from "./connection.ts";
import { COMMAND } from "./protocol.ts";
import { frameOf, putMap, putString } from "./wire.ts";

/** Where reading begins. An offset before the first one means the first. */
export type OffsetSpec =
  | "first"
  | "last"
  | "next"
  | { readonly offset: bigint }
  /** Epoch milliseconds: the chunk that was written then, or the first behind it. */
  | { readonly timestamp: bigint };

/** Options of {@linkcode subscribe}. */
export interface SubscribeOptions {
  readonly stream: string;
  /** Distinguishes the subscriptions of a connection, 0 to 255. */
  readonly id: number;
  readonly from: OffsetSpec;
  /** Chunks that the broker may send at once. */
  readonly credit: number;
  /** Chunks, in pieces, verified. What it throws ends the connection. */
  readonly sink: ChunkSink;
  /**
   * Also chunks in which the broker keeps what it knows of producers and consumers. They take offsets
   * too, so that without them there are holes.
   */
  readonly allChunks?: boolean;
}

/** A subscription; disposing forgets it, {@linkcode unsubscribe} ends it at the broker. */
export interface Subscription extends Disposable {
  /** Lets the broker send so many chunks more. */
  credit(chunks: number): void;
  unsubscribe(): Promise<void>;
}

/** Starts to read a stream on a node that has a copy of it. */
export async function subscribe(
  connection: StreamConnection,
  options: SubscribeOptions,
): Promise<Subscription> {
  const { stream, id, from, credit, sink } = options;
  const parser = new ChunkParser(sink);
  // Before the request: chunks may come with its answer.
  connection.setSubscription(id, {
    delivery: (size) => parser.begin(size),
    chunkBytes: (piece) => parser.push(piece),
    deliveryEnd: () => parser.end(),
  });
  const forget = () => connection.setSubscription(id, undefined);
  try {
    await connection.request(COMMAND.subscribe, `read stream "${stream}"`, (writer) => {
      writer.octet(id);
      putString(writer, stream);
      putOffsetSpec(writer, from);
      writer.uint16(credit);
      // Read by rabbit_stream_reader.erl, in all versions since 3.9.
      putMap(writer, options.allChunks ? { chunk_selector: "all" } : {});
    });
  } catch (error) {
    forget();
    throw error;
  }
  return {
    credit: (chunks) => {
      if (!connection.isOpen) return;
      connection.write(frameOf(COMMAND.credit, (writer) => {
        writer.octet(id);
        writer.uint16(chunks);
      }));
    },
    unsubscribe: async () => {
      forget();
      await connection.request(
        COMMAND.unsubscribe,
        `stop reading stream "${stream}"`,
        (writer) => writer.octet(id),
      );
    },
    [Symbol.dispose]: forget,
  };
}

function putOffsetSpec(writer: WireWriter, from: OffsetSpec): void {
  if (typeof from === "string") writer.uint16({ first: 1, last: 2, next: 3 }[from]);
  else if ("offset" in from) {
    writer.uint16(4);
    writer.uint64(from.offset);
  } else {
    writer.uint16(5);
    writer.uint64(BigInt.asUintN(64, from.timestamp));
  }
}
