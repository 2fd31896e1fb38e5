import { annotationText, decodeAmqp10Message } from "../../message/amqp10_message.ts";
import type { ChunkHeader, ChunkSink, StreamEntry } from "../../message/stream_chunk.ts";
import { joined } from "../../message/wire.ts";
import { messagesOfBatch } from "./batch.ts";
import { type Collecting, Collector } from "./collector.ts";
import { detailsOfAmqp10, type StoredMessage, unreadable } from "./stored_message.ts";

/** Collects from the chunks of a stream. */
export class ChunkCollector implements ChunkSink {
  readonly messages: Collector;
  #time = 0;
  #offset = 0n;
  #entry: StreamEntry | undefined;
  #pieces: Uint8Array[] = [];

  constructor(collecting: Collecting) {
    this.messages = new Collector(collecting);
  }

  header({ timestamp, offset }: ChunkHeader): void {
    this.#time = timestamp;
    this.#offset = offset;
  }

  entry(entry: StreamEntry): void {
    this.#entry = entry;
    this.#pieces = [];
  }

  body(piece: Uint8Array): void {
    if (this.#isWanted) this.#pieces.push(new Uint8Array(piece));
  }

  entryEnd(): void {
    const entry = this.#entry!;
    if (!this.#isWanted) this.messages.skip(entry.records);
    else this.#take(entry, joined(this.#pieces, entry.size));
    this.#offset += BigInt(entry.records);
  }

  end(): void {}

  /** Whether one of the messages of the entry is. */
  get #isWanted(): boolean {
    const { next, from } = this.messages;
    return next + this.#entry!.records > from;
  }

  #take(entry: StreamEntry, body: Uint8Array): void {
    const bodies = entry.batch === undefined ? [body] : messagesOfBatch(entry, body);
    for (let place = 0; place < entry.records; place++) {
      if (this.messages.next < this.messages.from) {
        this.messages.skip(1);
        continue;
      }
      const problem = typeof bodies === "string" ? bodies : undefined;
      const bytes = typeof bodies === "string" ? new Uint8Array(0) : bodies[place]!;
      this.#collect(bytes, { offset: this.#offset + BigInt(place), problem });
    }
  }

  #collect(
    bytes: Uint8Array,
    { offset, problem }: { offset: bigint; problem: string | undefined },
  ): void {
    const message = streamMessage(bytes, problem);
    this.messages.begin();
    const isFound = this.messages.look(message.body);
    this.messages.end({
      ...message,
      number: this.messages.next,
      time: this.#time,
      offset: Number(offset),
      body: new Uint8Array(message.body.subarray(0, this.messages.bodyBytes)),
    }, isFound);
  }
}

/** What the bytes of one message of a stream are, its whole body among it. */
function streamMessage(
  bytes: Uint8Array,
  problem: string | undefined,
): Pick<StoredMessage, "exchange" | "routingKey" | "bodySize" | "body" | "details"> {
  if (problem !== undefined) {
    const nothing = { exchange: "", routingKey: "", bodySize: 0, body: bytes };
    return { ...nothing, details: () => unreadable(problem) };
  }
  const decoded = decodedOrNone(bytes);
  const body = decoded?.body ?? bytes;
  const named = (name: string) => decoded === undefined ? undefined : annotationText(decoded, name);
  return {
    exchange: named("x-exchange") ?? "",
    routingKey: named("x-routing-key") ?? "",
    bodySize: body.length,
    body,
    details: () => detailsOfAmqp10(decoded),
  };
}

function decodedOrNone(bytes: Uint8Array) {
  try {
    return decodeAmqp10Message(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
