import { Buffer } from "node:buffer";
import type { BrokerEndpoint } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { VERSION } from "../../version.ts";
import { readTlsFiles } from "../management/tls_files.ts";
import { StreamConnection } from "./connection.ts";
import { CODE, COMMAND, responseCodeOf } from "./protocol.ts";
import { addressOf, openSocket, type StreamAddress, streamConnectError } from "./socket.ts";
import { frameOf, putMap, putString, takeList, takeMap, takeString } from "./wire.ts";

/** Heartbeats are asked for at least this often, seconds. */
const HEARTBEAT_SECONDS = 60;
/** The first version that can be asked which versions of commands it knows. */
const TELLS_VERSIONS = [3, 11] as const;

/** Options of {@linkcode openStreamConnection}. */
export interface OpenOptions {
  readonly vhost: string;
  /** Shown in the broker's list of connections. */
  readonly name: string;
  /** Another node than that of the endpoint. */
  readonly at?: { readonly host: string; readonly port: number };
  readonly signal: AbortSignal;
}

/**
 * Opens a connection to one vhost on the endpoint's stream port, or on that of another node.
 *
 * @throws {AppError} that says which of host, port, TLS, user, vhost was the cause
 */
export async function openStreamConnection(
  endpoint: BrokerEndpoint,
  options: OpenOptions,
): Promise<StreamConnection> {
  const { amqp_url: url, tls, stream_port } = endpoint;
  const { vhost, name, signal, at = { host: url.hostname, port: stream_port } } = options;
  const address: StreamAddress = {
    ...at,
    tls: tls.enabled ? await readTlsFiles(tls) : undefined,
  };
  const login = { vhost, username: url.username };
  const socket = await openSocket(address, { login, signal });
  const connection = new StreamConnection(socket, addressOf(address));
  const abort = () => socket.socket.destroy();
  signal.addEventListener("abort", abort);
  try {
    await handshake(connection, {
      ...login,
      password: url.password?.reveal() ?? "guest",
      name,
    });
    return connection;
  } catch (error) {
    await connection.close();
    signal.throwIfAborted();
    if (error instanceof AppError && error.code !== "broker_unreachable") {
      throw refusal(error, { address, vhost, username: url.username });
    }
    throw streamConnectError(connection.lostBecause ?? error, address, login);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function handshake(
  connection: StreamConnection,
  login: { vhost: string; username: string; password: string; name: string },
): Promise<void> {
  const action = `log in to ${connection.address} for streams`;
  const peer = await connection.request(COMMAND.peerProperties, action, (writer) =>
    putMap(writer, {
      product: "rabbitmq-backup",
      version: VERSION,
      connection_name: login.name,
    }));
  const properties = takeMap(peer);
  const offered = await connection.request(COMMAND.saslHandshake, action, () => {});
  const mechanisms = takeList(offered, 2, () => takeString(offered));
  if (!mechanisms.includes("PLAIN")) {
    throw new AppError("broker_denied", `Cannot ${action}: it does not take names and passwords`, {
      hint: "enable the mechanism PLAIN in auth_mechanisms of the broker",
    });
  }
  await connection.request(COMMAND.saslAuthenticate, action, (writer) => {
    putString(writer, "PLAIN");
    const plain = Buffer.from(`\0${login.username}\0${login.password}`);
    writer.uint32(plain.length);
    writer.raw(plain);
  });
  const { frameMax, heartbeat } = await connection.proposedLimits();
  const agreed = Math.min(heartbeat || HEARTBEAT_SECONDS, HEARTBEAT_SECONDS);
  connection.write(frameOf(COMMAND.tune, (writer) => {
    writer.uint32(frameMax);
    writer.uint32(agreed);
  }));
  connection.frameMax = frameMax || Infinity;
  const opened = await connection.request(
    COMMAND.open,
    action,
    (writer) => putString(writer, login.vhost),
  );
  connection.properties = new Map([...properties, ...takeMap(opened)]);
  connection.startHeartbeat(agreed);
  if (atLeast(properties.get("version") ?? "", TELLS_VERSIONS)) {
    connection.publishVersion = await newestPublish(connection);
  }
}

/** Asks which versions of `publish` the broker takes; we know 1 and 2. */
async function newestPublish(connection: StreamConnection): Promise<number> {
  const answer = await connection.request(
    COMMAND.exchangeCommandVersions,
    "ask the broker which commands it knows",
    (writer) => {
      const ours = [[COMMAND.publish, 1, 2], [COMMAND.deliver, 1, 1]] as const;
      writer.uint32(ours.length);
      for (const numbers of ours) numbers.forEach((number) => writer.uint16(number));
    },
  );
  const theirs = takeList(answer, 6, () => [answer.uint16(), answer.uint16(), answer.uint16()]);
  const [, , newest = 1] = theirs.find(([key]) => key === COMMAND.publish) ?? [];
  return Math.min(2, newest);
}

/** Whether a version such as "3.10.8" is this one or newer. */
function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [have = 0, haveMinor = 0] = version.split(".").map((part) => parseInt(part, 10));
  return have > major || (have === major && haveMinor >= minor);
}

function refusal(
  error: AppError,
  { address, vhost, username }: { address: StreamAddress; vhost: string; username: string },
): AppError {
  const place = addressOf(address);
  switch (responseCodeOf(error)) {
    case CODE.authenticationFailure:
    case CODE.noLoopback:
      return new AppError(
        "broker_denied",
        `Cannot log in to ${place} for streams: user "${username}" was refused`,
        {
          cause: error,
          hint:
            "check the user and password in amqp_url; user guest may only log in from localhost",
        },
      );
    case CODE.vhostAccessFailure:
      return new AppError(
        "broker_denied",
        `Cannot open vhost "${vhost}" on ${place} for streams: user "${username}" has no ` +
          "permission on it, or there is no such vhost",
        { cause: error, hint: `rabbitmqctl set_permissions -p '${vhost}' ${username} …` },
      );
    default:
      return error;
  }
}
