/**
 * Messages of AMQP 1.0 as messages of AMQP 0-9-1: as RabbitMQ gives them out of a stream where it does
 * (mc_amqpl.erl), and where that loses something or fails, with the sections as they are in the headers
 * from which RabbitMQ makes AMQP 1.0 of a message again.
 */
import { fieldOf, MAX_SHORT, secondsOf, tableOf, uuidText } from "./amqp10_field.ts";
import { keptSections } from "./amqp10_kept.ts";
import { SECTION, type Section, sectionsOf } from "./amqp10_sections.ts";
import { type Amqp10Pair, type Amqp10Value, readAmqp10 } from "./amqp10_value.ts";
import type { FieldValue } from "./field_table.ts";
import type { Loss } from "./conversion_losses.ts";
import { encodeProperties, type Properties } from "./properties.ts";
import { joined, WireReader } from "./wire.ts";

/** A message of AMQP 0-9-1, as it was or would have been published. */
export interface Converted {
  readonly exchange: Uint8Array;
  readonly routingKey: Uint8Array;
  /** Property flags and list. */
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
  readonly losses: ReadonlySet<Loss>;
}

/** The type of a body that is sections of AMQP 1.0. */
const AMQP10_TYPE = "amqp-1.0";
const NONE = new Uint8Array(0);

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
const strict = new TextDecoder("utf-8", { fatal: true });

/** Converts a message; one that is none of AMQP 1.0 becomes the body of one without properties. */
export function toAmqp091(message: Uint8Array): Converted {
  try {
    const sections = [...sectionsOf(message)];
    if (sections.length > 0) return new Conversion(message, sections).result();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return {
    exchange: NONE,
    routingKey: NONE,
    properties: encodeProperties({ deliveryMode: 2 }),
    body: message,
    losses: new Set(["notAmqp10"]),
  };
}

/** One message. */
class Conversion {
  readonly #message: Uint8Array;
  readonly #sections: readonly Section[];
  readonly #losses = new Set<Loss>();
  /** Whether all that AMQP 0-9-1 shows is all that there is. */
  #isExact = true;

  constructor(message: Uint8Array, sections: readonly Section[]) {
    this.#message = message;
    this.#sections = sections;
  }

  result(): Converted {
    const annotations = this.#annotations();
    const { body, isData } = this.#body();
    const headers = this.#headers(annotations.rest);
    const properties: Properties = {
      ...this.#delivery(annotations),
      ...this.#properties(headers),
    };
    const type = isData ? annotations.basic.get("x-basic-type") : textValue(AMQP10_TYPE);
    this.#takeApplication(headers, properties);
    if (type !== undefined) properties.type ??= this.#shortOf(type)!;
    if (this.#of(SECTION.footer) !== undefined && isData) this.#isExact = false;
    if (this.#of(SECTION.deliveryAnnotations) !== undefined) {
      this.#losses.add("deliveryAnnotations");
    }
    if (!this.#isExact) {
      const kept = keptSections(this.#message, this.#sections);
      headers.push(...kept.headers);
      if (!kept.isWhole) this.#losses.add("values");
    }
    if (headers.length > 0) properties.headers = headers;
    return {
      exchange: this.#shortOf(annotations.basic.get("x-exchange")) ?? NONE,
      routingKey: this.#shortOf(annotations.basic.get("x-routing-key")) ?? NONE,
      properties: encodeProperties(properties),
      body,
      losses: this.#losses,
    };
  }

  readonly #onInexact = (): void => {
    this.#isExact = false;
  };

  #of(code: number): Section | undefined {
    return this.#sections.find((section) => section.code === code);
  }

  #valueOf(section: Section): Amqp10Value {
    return readAmqp10(new WireReader(this.#message, section.at, section.end));
  }

  #pairsOf(code: number): readonly Amqp10Pair[] {
    const section = this.#of(code);
    if (section === undefined) return [];
    const value = this.#valueOf(section);
    if (value.type !== "map") throw new RangeError("Cannot read the message: a section is no map");
    return value.value;
  }

  #listOf(code: number): readonly Amqp10Value[] {
    const section = this.#of(code);
    if (section === undefined) return [];
    const value = this.#valueOf(section);
    if (value.type !== "list") {
      throw new RangeError("Cannot read the message: a section is no list");
    }
    return value.value;
  }

  /** Annotations by which RabbitMQ keeps what is no header, and those that become headers. */
  #annotations(): { basic: ReadonlyMap<string, Amqp10Value>; rest: Amqp10Pair[] } {
    const basic = new Map<string, Amqp10Value>();
    const rest: Amqp10Pair[] = [];
    for (const [key, value] of this.#pairsOf(SECTION.messageAnnotations)) {
      const name = key.type === "symbol" ? latin1.decode(key.value) : "";
      if (/^x-(basic-|exchange$|routing-key$)/.test(name)) basic.set(name, value);
      else if (name === "x-cc") rest.push([{ type: "symbol", value: encoder.encode("CC") }, value]);
      else if (name.startsWith("x-")) rest.push([key, value]);
      else this.#isExact = false;
    }
    return { basic, rest };
  }

  /** The body, and whether it is bytes rather than sections. */
  #body(): { body: Uint8Array; isData: boolean } {
    const parts = this.#sections.filter(({ code }) =>
      code >= SECTION.data && code <= SECTION.value
    );
    if (parts.some(({ code }) => code !== SECTION.data)) {
      // With the footer, which is behind it.
      return { body: this.#message.subarray(parts[0]!.start), isData: false };
    }
    if (parts.length > 1) this.#losses.add("dataSections");
    const pieces = parts.map((section) => {
      const value = this.#valueOf(section);
      if (value.type !== "binary") {
        throw new RangeError("Cannot read the message: its data is no binary");
      }
      return value.value;
    });
    return {
      body: joined(pieces, pieces.reduce((sum, { length }) => sum + length, 0)),
      isData: true,
    };
  }

  /** Of the annotations; what the application has set comes behind them. */
  #headers(annotations: readonly Amqp10Pair[]): (readonly [Uint8Array, FieldValue])[] {
    return [...tableOf(annotations, this.#onInexact)];
  }

  /** Delivery mode, priority and expiration: of the header, else as RabbitMQ 3 notes them. */
  #delivery({ basic }: { basic: ReadonlyMap<string, Amqp10Value> }): Properties {
    const [durable, priority, ttl, firstAcquirer, count] = this.#listOf(SECTION.header);
    const isFirst = firstAcquirer?.type === "boolean" && firstAcquirer.value;
    const wasDelivered = count?.type === "uint" && count.value > 0;
    if (isFirst || wasDelivered) this.#losses.add("headerFields");
    const mode = octetOf(basic.get("x-basic-delivery-mode"));
    const properties: Properties = {
      // What is to be kept by a stream is to be kept by a queue.
      deliveryMode: durable?.type === "boolean" ? (durable.value ? 2 : 1) : mode ?? 2,
    };
    const urgency = octetOf(priority) ?? octetOf(basic.get("x-basic-priority"));
    if (urgency !== undefined) properties.priority = urgency;
    const expiration = ttl?.type === "uint"
      ? encoder.encode(String(ttl.value))
      : this.#shortOf(basic.get("x-basic-expiration"));
    if (expiration !== undefined) properties.expiration = expiration;
    return properties;
  }

  /** The section of properties; ids without a place become headers. */
  #properties(headers: (readonly [Uint8Array, FieldValue])[]): Properties {
    const [messageId, userId, to, subject, replyTo, correlationId, ...more] = this.#listOf(
      SECTION.properties,
    );
    const [contentType, contentEncoding, expiry, created, groupId, sequence, replyToGroup] = more;
    const result: Properties = {};
    const put = (name: keyof Properties, value: Uint8Array | bigint | undefined) => {
      if (value !== undefined) Object.assign(result, { [name]: value });
    };
    put("messageId", this.#idOf(messageId, { headers, name: "x-message-id" }));
    put("correlationId", this.#idOf(correlationId, { headers, name: "x-correlation-id" }));
    put("userId", this.#userOf(userId));
    put("replyTo", queueOfAddress(this.#shortOf(replyTo)));
    put("contentType", this.#shortOf(contentType));
    put("contentEncoding", this.#shortOf(contentEncoding));
    put("appId", this.#shortOf(groupId));
    if (created?.type === "timestamp") {
      if (created.value % 1000n !== 0n) this.#isExact = false;
      put("timestamp", BigInt.asUintN(64, secondsOf(created.value)));
    }
    const others = [to, subject, expiry, sequence, replyToGroup];
    if (others.some((value) => value !== undefined && value.type !== "null")) this.#isExact = false;
    return result;
  }

  #idOf(
    id: Amqp10Value | undefined,
    { headers, name }: { headers: (readonly [Uint8Array, FieldValue])[]; name: string },
  ): Uint8Array | undefined {
    if (id === undefined || id.type === "null") return undefined;
    if (id.type === "string" && id.value.length <= MAX_SHORT) return id.value;
    this.#isExact = false;
    if (id.type === "uuid") return uuidText(id.value);
    if (id.type === "ulong") return encoder.encode(String(id.value));
    headers.push([encoder.encode(name), fieldOf(id, this.#onInexact)]);
    return undefined;
  }

  /** Bytes, of which RabbitMQ takes those that are a text. */
  #userOf(user: Amqp10Value | undefined): Uint8Array | undefined {
    if (user?.type !== "binary") return undefined;
    try {
      strict.decode(user.value);
    } catch {
      this.#isExact = false;
      return undefined;
    }
    return this.#shortOf(user);
  }

  /** Of what AMQP 0-9-1 holds in 255 bytes; undefined for anything else, which is told. */
  #shortOf(value: Amqp10Value | undefined): Uint8Array | undefined {
    if (value === undefined || value.type === "null") return undefined;
    const isText = value.type === "string" || value.type === "symbol" || value.type === "binary";
    if (isText && value.value.length <= MAX_SHORT) return value.value;
    this.#isExact = false;
    return undefined;
  }

  /** Application properties are headers, but for those that RabbitMQ 3 keeps properties in. */
  #takeApplication(
    headers: (readonly [Uint8Array, FieldValue])[],
    properties: Properties,
  ): void {
    const pairs = this.#pairsOf(SECTION.applicationProperties).filter(([key, value]) => {
      const name = key.type === "string" ? latin1.decode(key.value) : "";
      const place = name === "x-basic-type" ? "type" : name === "x-basic-app-id" ? "appId" : "";
      if (place === "" || value.type !== "string" || value.value.length > MAX_SHORT) return true;
      properties[place] ??= value.value;
      return false;
    });
    headers.push(...tableOf(pairs, this.#onInexact));
  }
}

/** RabbitMQ 4.3 makes an address of the queue that is to be replied to, and a name of that again. */
function queueOfAddress(address: Uint8Array | undefined): Uint8Array | undefined {
  if (address === undefined) return undefined;
  try {
    const name = /^\/queues\/([^/]*)$/.exec(strict.decode(address))?.[1];
    return name === undefined ? address : encoder.encode(decodeURIComponent(name));
  } catch {
    // Neither an address nor UTF-8.
    return address;
  }
}

function octetOf(value: Amqp10Value | undefined): number | undefined {
  return value?.type === "ubyte" ? value.value : undefined;
}

function textValue(text: string): Amqp10Value {
  return { type: "string", value: encoder.encode(text) };
}
