/** Offsets that consumers store at the broker, under their names. */
import type { StreamConnection } from "./connection.ts";
import { CODE, COMMAND, responseCodeOf } from "./protocol.ts";
import { decoded, frameOf, putString } from "./wire.ts";

/** Names one consumer of a stream. */
export interface StreamConsumer {
  readonly stream: string;
  /** At most 255 bytes. */
  readonly name: string;
}

/** The offset that a consumer has stored; undefined when it has none. Throws `broker_denied`. */
export async function queryOffset(
  connection: StreamConnection,
  { stream, name }: StreamConsumer,
): Promise<bigint | undefined> {
  try {
    const reader = await connection.request(
      COMMAND.queryOffset,
      `ask for the offset of consumer "${name}" of stream "${stream}"`,
      (writer) => {
        putString(writer, name);
        putString(writer, stream);
      },
    );
    return decoded(() => reader.uint64());
  } catch (error) {
    if (responseCodeOf(error) === CODE.noOffset) return undefined;
    throw error;
  }
}

/** Stores an offset for a consumer. The broker does not answer: {@linkcode queryOffset} tells. */
export function storeOffset(
  connection: StreamConnection,
  { stream, name, offset }: StreamConsumer & { readonly offset: bigint },
): void {
  connection.write(frameOf(COMMAND.storeOffset, (writer) => {
    putString(writer, name);
    putString(writer, stream);
    writer.uint64(offset);
  }));
}
