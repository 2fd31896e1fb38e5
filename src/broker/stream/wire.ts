/** Strings, lists and frames of the stream protocol. */
import { type WireReader, WireWriter } from "../../message/wire.ts";
import { AppError } from "../../errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A string with its length as uint16. */
export function putString(writer: WireWriter, text: string): void {
  const bytes = encoder.encode(text);
  if (bytes.length > 0x7fff) throw new RangeError("Cannot encode a frame: a string is too long");
  writer.uint16(bytes.length);
  writer.raw(bytes);
}

/** A list of pairs of strings. */
export function putMap(writer: WireWriter, map: Readonly<Record<string, string>>): void {
  const entries = Object.entries(map);
  writer.uint32(entries.length);
  for (const [key, value] of entries) {
    putString(writer, key);
    putString(writer, value);
  }
}

/** A string; "" for null, which is the length -1. */
export function takeString(reader: WireReader): string {
  const length = reader.uint16();
  return length === 0xffff ? "" : decoder.decode(reader.take(length));
}

/** A list with its length as uint32, each of whose elements takes at least `least` bytes. */
export function takeList<T>(reader: WireReader, least: number, element: () => T): T[] {
  const count = reader.uint32();
  if (count > (reader.end - reader.at) / least) {
    throw new RangeError("Cannot decode a frame: a list is longer than the frame");
  }
  return Array.from({ length: count }, element);
}

/** A list of pairs of strings. */
export function takeMap(reader: WireReader): Map<string, string> {
  return new Map(takeList(reader, 4, () => [takeString(reader), takeString(reader)] as const));
}

/** Decodes with `decode`; a frame that is shorter than it says is an error of the protocol. */
export function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AppError(
      "broker_unreachable",
      "Cannot go on with the stream protocol: the broker sent a frame that cannot be read",
      {
        cause: error,
        hint: "is stream_port the port of the stream protocol (5552, 5551 with TLS)?",
      },
    );
  }
}

/** A whole frame, its length in front. */
export function frameOf(key: number, write: (writer: WireWriter) => void, version = 1): Uint8Array {
  const writer = new WireWriter();
  writer.sized(() => {
    writer.uint16(key);
    writer.uint16(version);
    write(writer);
  });
  return writer.finish();
}
