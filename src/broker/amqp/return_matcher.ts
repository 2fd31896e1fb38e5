import { crc32 } from "node:zlib";
import { splitAtHeaders } from "../../message/properties.ts";
import type { ReturnedHead } from "./content_tap.ts";
import type { Publish } from "./publisher.ts";

/**
 * Tells which of the messages under way a `basic.return` is about: the method has no tag. Returns come
 * in the order in which the messages were sent, each before its confirm, with all of their content.
 */
export class ReturnMatcher {
  /** Two checksums of each message under way, at its tag modulo their number. */
  readonly #contents: Uint32Array;
  readonly #properties: Uint32Array;
  readonly #sending = new Checksums();
  readonly #coming = new Checksums();
  #behind = 0;

  /** `window`: the most messages that are under way at once. */
  constructor(window: number) {
    this.#contents = new Uint32Array(window + 1);
    this.#properties = new Uint32Array(window + 1);
  }

  begin(message: Publish): void {
    this.#sending.begin(message);
  }
  body(chunk: Uint8Array): void {
    this.#sending.body(chunk);
  }
  end(tag: number): void {
    const at = tag % this.#contents.length;
    this.#contents[at] = this.#sending.content;
    this.#properties[at] = this.#sending.properties;
  }

  returned(head: ReturnedHead): void {
    this.#coming.begin(head);
  }
  returnedBody(chunk: Uint8Array): void {
    this.#coming.body(chunk);
  }

  /** The tag of the returned message, between `confirmed` and `sent`; undefined when it is none of them. */
  returnedEnd({ confirmed, sent }: { confirmed: number; sent: number }): number | undefined {
    const { content, properties } = this.#coming;
    for (let tag = Math.max(this.#behind, confirmed) + 1; tag <= sent; tag++) {
      const at = tag % this.#contents.length;
      if (this.#contents[at] !== content || this.#properties[at] !== properties) continue;
      this.#behind = tag;
      return tag;
    }
    return undefined;
  }
}

/** Checksums of a message that do not depend on the order of its headers: RabbitMQ 4.x sorts them. */
class Checksums {
  content = 0;
  properties = 0;

  begin({ exchange, routingKey, properties, bodySize }: Publish): void {
    this.content = crc32(routingKey, crc32(exchange, exchange.length));
    this.properties = (propertiesSum(properties) + bodySize) >>> 0;
  }

  body(chunk: Uint8Array): void {
    this.content = crc32(chunk, this.content);
  }
}

function propertiesSum(raw: Uint8Array): number {
  const { before, headers, behind } = splitAtHeaders(raw);
  return headers.reduce((sum, header) => sum + crc32(header), crc32(behind, crc32(before)));
}
