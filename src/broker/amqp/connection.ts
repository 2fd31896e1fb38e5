import { connect } from "amqplib";
import type { Channel, ChannelModel, ConfirmChannel } from "amqplib";
import { AppError, messageOf, RUN_AGAIN } from "../../errors.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import { readTlsFiles } from "../management/tls_files.ts";
import { connectError } from "./connect_error.ts";
import { ContentTap } from "./content_tap.ts";
import { refusalOf } from "./handshake.ts";

/** How long the TCP connection, TLS and the AMQP handshake may take together, milliseconds. */
const CONNECT_TIMEOUT_MS = 15_000;

/** A channel with its number, under which its frames travel. */
export type NumberedChannel = Channel & { ch: number };
export type NumberedConfirmChannel = ConfirmChannel & { ch: number };

/** Options of {@linkcode openConnection}. */
export interface ConnectOptions {
  vhost: string;
  /** Shown in the broker's list of connections. */
  name: string;
  signal?: AbortSignal;
}

/** A connection to one vhost whose message content passes through a {@linkcode ContentTap}. */
export class BrokerConnection implements AsyncDisposable {
  readonly vhost: string;
  readonly tap: ContentTap;
  /** The broker's name for its cluster, when it says one. */
  readonly clusterName: string | undefined;
  /** Why the broker blocks publishers (`connection.blocked`), or undefined. */
  blocked: string | undefined;
  readonly #model: ChannelModel;
  readonly #endpointName: string;
  #closedBecause: AppError | undefined;
  #closing = false;
  readonly #closeListeners = new Set<(error: AppError) => void>();

  constructor(model: ChannelModel, vhost: string, endpointName: string) {
    this.#model = model;
    this.vhost = vhost;
    this.#endpointName = endpointName;
    this.tap = new ContentTap(model);
    const { cluster_name: name } = serverProperties(model);
    this.clusterName = typeof name === "string" ? name : undefined;
    let cause: unknown;
    model.on("error", (error: unknown) => cause = error);
    model.on("close", (error: unknown) => this.#closed(cause ?? error));
    model.on("blocked", (reason: string) => this.blocked = reason);
    model.on("unblocked", () => this.blocked = undefined);
  }

  /** Why the connection was lost; undefined while it is there, and when we closed it. */
  get lostBecause(): AppError | undefined {
    return this.#closedBecause;
  }

  /** True until the connection is lost or closed. */
  get isOpen(): boolean {
    return !this.#closing && this.#closedBecause === undefined;
  }

  /**
   * A new channel. An error event on it closes only the channel; `onClose` hears why, once.
   * Throws an {@linkcode AppError} when the connection is gone.
   */
  async openChannel(onClose?: (error: Error) => void): Promise<NumberedChannel> {
    return await this.#open(() => this.#model.createChannel(), onClose) as NumberedChannel;
  }

  /** A new channel in confirm mode. */
  async openConfirmChannel(onClose?: (error: Error) => void): Promise<NumberedConfirmChannel> {
    return await this.#open(
      () => this.#model.createConfirmChannel(),
      onClose,
    ) as NumberedConfirmChannel;
  }

  /** Closes a channel of this connection. Throws when the connection is lost before that is done. */
  async closeChannel(channel: Channel): Promise<void> {
    if (this.#closedBecause !== undefined) throw this.#closedBecause;
    // amqplib (2.3.1) never ends a close whose answer does not come any more.
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const forget = this.onLost(reject);
    try {
      await Promise.race([channel.close(), lost]);
    } finally {
      forget();
    }
  }

  /** Calls `listener` once if the connection is lost; not when it is closed by us. */
  onLost(listener: (error: AppError) => void): () => void {
    this.#closeListeners.add(listener);
    return () => this.#closeListeners.delete(listener);
  }

  /** Closes the connection; unacknowledged deliveries go back to their queues. */
  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.#closing = true;
    try {
      await withTimeout(this.#model.close(), 5_000);
    } catch {
      // Gone already, which is what was wanted; a broker that does not answer is left behind.
      this.#destroySocket();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(
    create: () => Promise<Channel>,
    onClose?: (error: Error) => void,
  ): Promise<Channel> {
    if (this.#closedBecause !== undefined) throw this.#closedBecause;
    try {
      const channel = await create();
      channel.on("error", (error: Error) => onClose?.(error));
      return channel;
    } catch (error) {
      throw this.#closedBecause ?? new AppError(
        "broker_unreachable",
        `Cannot open a channel on ${this.#endpointName}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  #closed(cause: unknown): void {
    if (this.#closing || this.#closedBecause !== undefined) return;
    this.#closedBecause = new AppError(
      "broker_unreachable",
      `Cannot go on with ${this.#endpointName}: the connection was lost (${
        cause === undefined ? "closed by the broker" : messageOf(cause)
      })`,
      { hint: RUN_AGAIN, cause },
    );
    for (const listener of this.#closeListeners) listener(this.#closedBecause);
  }

  #destroySocket(): void {
    const { stream } = this.#model.connection as unknown as { stream: { destroy(): void } };
    stream.destroy();
  }
}

/** What the broker says of itself when a connection starts (amqplib 2.3). */
function serverProperties(model: ChannelModel): Record<string, unknown> {
  const { serverProperties } = model.connection as { serverProperties?: Record<string, unknown> };
  return serverProperties ?? {};
}

/** Opens a connection to one vhost. Errors say which of host, TLS, user, vhost was the cause. */
export async function openConnection(
  endpoint: BrokerEndpoint,
  options: ConnectOptions,
): Promise<BrokerConnection> {
  const { amqp_url: url, tls } = endpoint;
  const { vhost, signal } = options;
  signal?.throwIfAborted();
  const tlsOptions = tls.enabled ? { ...await readTlsFiles(tls) } : undefined;
  const password = url.password?.reveal() ?? "guest";
  const connecting = connect({
    protocol: tls.enabled ? "amqps" : "amqp",
    hostname: url.hostname,
    port: url.port,
    username: url.username,
    password,
    vhost: encodeURIComponent(vhost),
  }, {
    noDelay: true,
    keepAlive: true,
    timeout: CONNECT_TIMEOUT_MS,
    clientProperties: { connection_name: options.name, product: "rabbitmq-backup" },
    ...tlsOptions,
  });
  let model: ChannelModel;
  try {
    model = await unlessAborted(connecting, signal);
  } catch (error) {
    signal?.throwIfAborted();
    const refusal = /Expected ConnectionOpenOk/.test(messageOf(error))
      ? await refusalOf({
        host: url.hostname,
        port: url.port,
        username: url.username,
        password,
        vhost,
        ...(tlsOptions === undefined ? {} : { tls: tlsOptions }),
      })
      : undefined;
    throw connectError(refusal === undefined ? error : new Error(refusal, { cause: error }), {
      address: url.address,
      vhost,
      username: url.username,
      secure: tls.enabled,
    });
  }
  return new BrokerConnection(model, vhost, url.address);
}

/** What is being opened, or the signal's reason; what is opened after that is closed again. */
async function unlessAborted(
  connecting: Promise<ChannelModel>,
  signal: AbortSignal | undefined,
): Promise<ChannelModel> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => {
    connecting.then((model) => model.close()).catch(() => {});
    reject(signal!.reason);
  };
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([connecting, aborted]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Rejects when `promise` takes longer than `milliseconds`. */
async function withTimeout<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("no answer in time")), milliseconds);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
