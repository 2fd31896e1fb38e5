import { streamBounds } from "../../broker/stream/commands.ts";
import type { StreamConnection } from "../../broker/stream/connection.ts";
import { StreamConnector } from "../../broker/stream/connector.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { EventSink } from "../events.ts";
import { offsetNumber } from "./chunk_spool.ts";
import type { DeclaredStream, StreamStart, StreamStarts } from "./start.ts";

/** The way to a broker's streams; tells when its nodes advertise names that lead nowhere. */
export function streamConnector(
  endpoint: BrokerEndpoint,
  { name, emit, signal }: { name: string; emit: EventSink; signal: AbortSignal },
): StreamConnector {
  return new StreamConnector(endpoint, {
    name,
    signal,
    onFallback: (error) =>
      emit({
        type: "warning",
        message: `${error.message}; streams are reached by the configured host instead`,
        hint: "set stream_advertised_hosts: false to do so from the start",
      }),
  });
}

/** Looks at streams before they are read or filled. */
export class StreamSurvey {
  readonly #connector: StreamConnector;
  /** Of vhosts whose stream listener could not be reached: it is not tried for each stream. */
  readonly #vhosts = new Map<string, Promise<void>>();
  /** Bytes of the largest frame that the broker takes, once it was reached. */
  frameMax = Infinity;

  constructor(connector: StreamConnector) {
    this.#connector = connector;
  }

  /**
   * How many offsets a stream takes: its messages, and a few that the broker uses for itself.
   *
   * @throws {AppError} `broker_missing` when it is gone, `broker_unreachable` without a stream port
   */
  async messagesOf({ vhost, name }: { vhost: string; name: string }): Promise<number> {
    const bounds = await this.#at(
      { vhost, name },
      (connection) => streamBounds(connection, name),
    );
    return bounds === undefined ? 0 : offsetNumber(bounds.last - bounds.first + 1n);
  }

  /** What a backup would read of a stream; undefined when it is empty. Throws as `messagesOf`. */
  async startOf(
    queue: DeclaredStream,
    starts: StreamStarts,
  ): Promise<StreamStart | undefined> {
    return await this.#at(queue, (connection) => starts.find({ connection, queue }));
  }

  async #at<T>(
    { vhost, name }: { vhost: string; name: string },
    ask: (connection: StreamConnection) => Promise<T>,
  ): Promise<T> {
    const asked = async () => {
      await using connection = await this.#connector.openFor(vhost, name);
      return await ask(connection);
    };
    await this.#reach(vhost);
    try {
      return await asked();
    } catch (error) {
      // The port was there a moment ago: a connection may be lost once.
      if (!(error instanceof AppError) || error.code !== "broker_unreachable") throw error;
      return await asked();
    }
  }

  async #reach(vhost: string): Promise<void> {
    let reached = this.#vhosts.get(vhost);
    if (reached === undefined) {
      reached = this.#connector.open(vhost).then(async (connection) => {
        this.frameMax = connection.frameMax;
        await connection.close();
      });
      this.#vhosts.set(vhost, reached);
      reached.catch(() => {});
    }
    await reached;
  }
}
