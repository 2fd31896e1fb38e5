import { createHash, type Hash } from "node:crypto";
import { RecordParser, type RecordSink } from "../../archive/record.ts";
import { republished } from "../../message/broker_headers.ts";
import type { FieldTable } from "../../message/field_table.ts";
import type { MessageHead } from "../../message/message.ts";
import { decodeProperties, encodeProperties } from "../../message/properties.ts";
import type { MessagePicker } from "../restore/picker.ts";

/**
 * A digest of each message in a stream of records, in order; with a picker, of those that it takes.
 * Equal for what was published and what is delivered: exchange and routing key, which a restore
 * changes, do not count, nor does what brokers do to headers: their order, their counters, an empty
 * table.
 *
 * @throws {AppError} `damaged` when the records are.
 */
export async function* messageDigests(
  records: AsyncIterable<Uint8Array>,
  picker?: MessagePicker,
): AsyncGenerator<Uint8Array> {
  const digester = new Digester(picker);
  const parser = new RecordParser(digester);
  for await (const chunk of records) {
    parser.push(chunk);
    yield* digester.drain();
  }
  parser.finish();
  yield* digester.drain();
}

class Digester implements RecordSink {
  readonly #picker: MessagePicker | undefined;
  #hash: Hash | undefined;
  #ready: Uint8Array[] = [];

  constructor(picker: MessagePicker | undefined) {
    this.#picker = picker;
  }

  drain(): Uint8Array[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  head(head: MessageHead): void {
    if (this.#picker !== undefined && !this.#picker.takes(head)) {
      this.#hash = undefined;
      return;
    }
    const properties = comparable(head.properties);
    const length = new DataView(new ArrayBuffer(4));
    length.setUint32(0, properties.length);
    this.#hash = createHash("sha256").update(new Uint8Array(length.buffer)).update(properties);
  }

  body(chunk: Uint8Array): void {
    this.#hash?.update(chunk);
  }

  end(): void {
    if (this.#hash !== undefined) this.#ready.push(this.#hash.digest());
  }
}

function comparable(raw: Uint8Array): Uint8Array {
  const { properties } = republished(raw);
  try {
    const { headers, ...others } = decodeProperties(properties);
    if (headers === undefined || headers.length === 0) return encodeProperties(others);
    return encodeProperties({ ...others, headers: sorted(headers) });
  } catch (error) {
    if (error instanceof RangeError) return properties;
    throw error;
  }
}

/** By name; those of one name stay in their order. */
function sorted(headers: FieldTable): FieldTable {
  const text = new TextDecoder("latin1");
  const keyed = headers.map((entry) => ({ entry, key: text.decode(entry[0]) }));
  return keyed.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0).map(({ entry }) => entry);
}
