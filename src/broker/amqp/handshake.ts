import { Buffer } from "node:buffer";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { FRAME_END, FRAME_METHOD, FRAME_OVERHEAD, FrameSplitter } from "./frame.ts";

/** Methods of class connection (AMQP 0-9-1 section 1.4) as `class << 16 | method`. */
const CONNECTION = {
  start: 0x000a000a,
  startOk: 0x000a000b,
  tune: 0x000a001e,
  tuneOk: 0x000a001f,
  open: 0x000a0028,
  openOk: 0x000a0029,
  close: 0x000a0032,
  closeOk: 0x000a0033,
} as const;

const TIMEOUT_MS = 5_000;
/** No frame of a handshake is larger. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** What an AMQP handshake needs to know. */
export interface HandshakeOptions {
  host: string;
  port: number;
  username: string;
  password: string;
  vhost: string;
  /** Options of `node:tls`; absent without TLS. */
  tls?: Record<string, unknown>;
}

/**
 * The words with which the broker refuses a connection, such as "NOT_ALLOWED - vhost x not found".
 *
 * amqplib drops them when `connection.open` is answered with `connection.close`, so the handshake is
 * done once more to hear them. undefined when this time the broker agrees, or says nothing.
 */
export async function refusalOf(options: HandshakeOptions): Promise<string | undefined> {
  const { host, port, tls } = options;
  const socket: Socket = tls === undefined
    ? connectPlain({ host, port })
    : connectTls({ ...tls, host, port });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  try {
    socket.write("AMQP\0\0\x09\x01", "latin1");
    const splitter = new FrameSplitter(MAX_FRAME_BYTES);
    for await (const chunk of socket) {
      splitter.push(chunk as Uint8Array);
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
        if (frame.type !== FRAME_METHOD) continue;
        const arguments_ = Buffer.from(
          splitter.bytes.subarray(frame.payloadStart, frame.payloadEnd),
        );
        const reply = answer(arguments_, options);
        if (typeof reply === "string") {
          socket.write(method(CONNECTION.closeOk));
          return reply;
        }
        if (reply === undefined) return undefined;
        socket.write(reply);
      }
    }
  } catch {
    // What ended this connection says no more than what ended the one before.
  } finally {
    socket.end();
    socket.destroySoon();
  }
  return undefined;
}

/** The frames to send next, the reason of a refusal, or undefined when there is no more to learn. */
function answer(payload: Buffer, options: HandshakeOptions): Buffer | string | undefined {
  switch (payload.readUInt32BE(0)) {
    case CONNECTION.start:
      return method(
        CONNECTION.startOk,
        Buffer.alloc(4), // no client properties
        shortString("PLAIN"),
        longString(`\0${options.username}\0${options.password}`),
        shortString("en_US"),
      );
    case CONNECTION.tune:
      return Buffer.concat([
        method(CONNECTION.tuneOk, payload.subarray(4, 12)),
        method(CONNECTION.open, shortString(options.vhost), Buffer.alloc(2)),
      ]);
    case CONNECTION.close:
      return payload.toString("utf8", 7, 7 + payload.readUInt8(6));
    default:
      return undefined;
  }
}

function method(id: number, ...parts: Buffer[]): Buffer {
  const payload = Buffer.concat(parts);
  const frame = Buffer.alloc(payload.length + 4 + FRAME_OVERHEAD);
  frame.writeUInt8(FRAME_METHOD, 0);
  frame.writeUInt32BE(payload.length + 4, 3);
  frame.writeUInt32BE(id, 7);
  payload.copy(frame, 11);
  frame.writeUInt8(FRAME_END, frame.length - 1);
  return frame;
}

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function longString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
