import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AppError, messageOf } from "../../errors.ts";
import { connectError } from "../amqp/connect_error.ts";
import type { TlsMaterial } from "../management/tls_files.ts";

/** How long the TCP connection and TLS may take together, milliseconds. */
const CONNECT_TIMEOUT_MS = 15_000;

/** Bytes that are taken from the socket at once. */
const READ_BYTES = 256 * 1024;

/** Where a stream listener is, and who wants in. */
export interface StreamAddress {
  readonly host: string;
  readonly port: number;
  /** Absent: no TLS. */
  readonly tls?: TlsMaterial | undefined;
}

/** Who logs in where; for messages. */
export interface StreamLogin {
  readonly vhost: string;
  readonly username: string;
}

/** A connected socket, and what comes by it. */
export interface StreamSocket {
  readonly socket: Socket;
  /** Says who gets the bytes; each is a view that holds during the call only. */
  listen(listener: (bytes: Uint8Array) => void): void;
}

/** host:port, brackets around an IPv6 address. */
export function addressOf({ host, port }: StreamAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Opens a connection to a stream listener.
 *
 * @throws {AppError} that says what kept us out
 */
export async function openSocket(
  address: StreamAddress,
  options: { login: StreamLogin; signal: AbortSignal },
): Promise<StreamSocket> {
  const { signal } = options;
  signal.throwIfAborted();
  const connecting = connect(address);
  const { socket } = connecting;
  const { tls } = address;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(() => reject(new Error("timed out")), CONNECT_TIMEOUT_MS);
  socket.once(tls === undefined ? "connect" : "secureConnect", () => resolve());
  socket.on("error", reject);
  socket.once("close", () => reject(new Error("ECONNRESET: closed during the handshake")));
  signal.addEventListener("abort", abort);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw streamConnectError(error, address, options.login);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return connecting;
}

/**
 * Without TLS all is read into the same memory: a buffer for each piece is garbage that outgrows the
 * memory that is set, and costs more time than all else.
 */
function connect({ host, port, tls }: StreamAddress): StreamSocket {
  let listener = (_: Uint8Array) => {};
  const listen: StreamSocket["listen"] = (next) => listener = next;
  if (tls !== undefined) {
    const socket = connectTls({ host, port, ...tls });
    socket.on("data", (bytes: Uint8Array) => listener(bytes));
    return { socket, listen };
  }
  const onread = {
    buffer: new Uint8Array(READ_BYTES),
    callback: (size: number, buffer: Uint8Array) => {
      listener(buffer.subarray(0, size));
      return true;
    },
  };
  return { socket: connectTcp({ host, port, noDelay: true, onread }), listen };
}

/** Says what kept us out; where it may be the stream listener itself, how to get it. */
export function streamConnectError(
  error: unknown,
  address: StreamAddress,
  login: StreamLogin,
): AppError {
  const place = addressOf(address);
  const text = messageOf(error);
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === "ECONNREFUSED" || /ECONNREFUSED/.test(text)) {
    return new AppError(
      "broker_unreachable",
      `Cannot connect to ${place} for streams: nothing listens there (connection refused)`,
      {
        cause: error,
        hint:
          "enable the plugin (rabbitmq-plugins enable rabbitmq_stream), and set stream_port to " +
          "its port (5552, 5551 with TLS)",
      },
    );
  }
  const known = connectError(error, {
    address: place,
    secure: address.tls !== undefined,
    ...login,
  });
  return new AppError(known.code, known.message.replace(place, `${place} for streams`), {
    cause: known.cause,
    hint: "set stream_port to the port of the stream protocol (5552, 5551 with TLS)" +
      (known.hint === undefined ? "" : `; or: ${known.hint}`),
  });
}
