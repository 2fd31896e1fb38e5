import type { RecordSink } from "../../archive/record.ts";
import type { MessageHead } from "../../message/message.ts";
import { lossyText } from "../../message/shown_value.ts";
import { joined } from "../../message/wire.ts";
import { detailsOfHead, searchedText, type StoredMessage } from "./stored_message.ts";
import { TextSearch } from "./text_search.ts";

/** Which messages are collected, and what of them. */
export interface Collecting {
  /** Number of the message that comes first. */
  readonly next: number;
  /** Number of the first one that is wanted. */
  readonly from: number;
  /** Bytes of each body that are kept. */
  readonly bodyBytes: number;
  /** Those that have this text in body, headers, properties, routing key or exchange. */
  readonly search: string | undefined;
}

/** Takes messages one after the other, and keeps those that are wanted. */
export class Collector {
  readonly from: number;
  readonly #search: TextSearch | undefined;
  readonly bodyBytes: number;
  /** Number of the message that comes next. */
  next: number;
  #found: StoredMessage[] = [];

  constructor({ next, from, bodyBytes, search }: Collecting) {
    this.next = next;
    this.from = from;
    this.bodyBytes = bodyBytes;
    this.#search = search === undefined || search === "" ? undefined : new TextSearch(search);
  }

  /** Those that were found since the last time. */
  drain(): StoredMessage[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  get isWanted(): boolean {
    return this.next >= this.from;
  }

  /** Passes over messages. */
  skip(count: number): void {
    this.next += count;
  }

  begin(): void {
    this.#search?.begin();
  }

  /** A piece of the body of the message, to be looked into; true when nothing more has to be. */
  look(piece: Uint8Array): boolean {
    return this.#search?.push(piece) ?? true;
  }

  /** The message is complete. */
  end(message: StoredMessage, isFound: boolean): void {
    this.next++;
    if (isFound || this.#search!.isIn(searchedText(message))) this.#found.push(message);
  }
}

/** Collects from the records of a queue. */
export class RecordCollector implements RecordSink {
  readonly messages: Collector;
  #head: MessageHead | undefined;
  #pieces: Uint8Array[] = [];
  #kept = 0;
  #isFound = false;

  constructor(collecting: Collecting) {
    this.messages = new Collector(collecting);
  }

  head(head: MessageHead): void {
    if (!this.messages.isWanted) {
      this.#head = undefined;
      return;
    }
    this.#head = head;
    this.#pieces = [];
    this.#kept = 0;
    this.messages.begin();
    this.#isFound = this.messages.look(new Uint8Array(0));
  }

  body(piece: Uint8Array): void {
    if (this.#head === undefined) return;
    if (!this.#isFound) this.#isFound = this.messages.look(piece);
    const room = this.messages.bodyBytes - this.#kept;
    if (room <= 0) return;
    const kept = new Uint8Array(piece.subarray(0, room));
    this.#kept += kept.length;
    this.#pieces.push(kept);
  }

  end(): void {
    const head = this.#head;
    if (head === undefined) return this.messages.skip(1);
    // The parser reuses names, and properties are views into what was read.
    const properties = new Uint8Array(head.properties);
    this.messages.end({
      number: this.messages.next,
      time: head.capturedAt,
      redelivered: head.redelivered,
      exchange: lossyText(head.exchange),
      routingKey: lossyText(head.routingKey),
      bodySize: head.bodySize,
      body: joined(this.#pieces, this.#kept),
      details: () => detailsOfHead({ properties }),
    }, this.#isFound);
  }
}
