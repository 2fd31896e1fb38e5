/**
 * The least a backup of a stream can do: asks for every chunk from the first on, counts what its header
 * says, and throws it away unread.
 */
import { COMMAND } from "../../src/broker/stream/protocol.ts";
import { frameOf, putMap, putString } from "../../src/broker/stream/wire.ts";
import { CHUNK_HEADER_BYTES, decodeChunkHeader } from "../../src/message/stream_chunk.ts";
import { openTaskStream, readTask, reportMoment, type StreamReaderTask } from "./floor_protocol.ts";

const SUBSCRIPTION = 1;
/** Chunks that the broker may send ahead. */
const CREDIT = 32;
const FIRST = 1;

const task = readTask<StreamReaderTask>();
const connection = await openTaskStream(task);
const { promise: allDelivered, resolve, reject } = Promise.withResolvers<void>();
using _lost = connection.onLost(reject);
const head = new Uint8Array(CHUNK_HEADER_BYTES);
let filled = 0;
let received = 0;
let bytes = 0;

connection.setSubscription(SUBSCRIPTION, {
  delivery: (size) => {
    filled = 0;
    bytes += size;
  },
  chunkBytes: (piece) => {
    const part = piece.subarray(0, CHUNK_HEADER_BYTES - filled);
    if (part.length > 0) head.set(part, filled);
    filled += part.length;
  },
  deliveryEnd: () => {
    const { type, records } = decodeChunkHeader(head);
    if (type === 0) received += records;
    if (received >= task.messages) return resolve();
    connection.write(frameOf(COMMAND.credit, (writer) => {
      writer.octet(SUBSCRIPTION);
      writer.uint16(1);
    }));
  },
});
await connection.request(COMMAND.subscribe, "read the stream", (writer) => {
  writer.octet(SUBSCRIPTION);
  putString(writer, task.stream);
  writer.uint16(FIRST);
  writer.uint16(CREDIT);
  putMap(writer, {});
});
await allDelivered;
reportMoment("delivered", { bytes });
await connection.close();
