import { messageBounds } from "../../broker/amqp/stream_reader.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { BackupOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { ReadByAmqp } from "../../safety/facts.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import { amqpLosses } from "./amqp_losses.ts";
import { offsetNumber } from "./chunk_spool.ts";
import type { DeclaredStream, StreamStart, StreamStarts } from "./start.ts";
import { StreamSurvey } from "./survey.ts";

/** How long the last chunk of a stream may take to come, where only its number is wanted, milliseconds. */
const WAIT_MS = 1_000;

/** Options of {@linkcode StreamLook}. */
export interface LookOptions {
  readonly connections: ConnectionPool;
  readonly protocol: BackupOptions["stream_protocol"];
  readonly brokerVersion: string;
  readonly signal: AbortSignal;
}

/** Decides by which protocol each stream is read, and how much there is. */
export class StreamLook {
  readonly #survey: StreamSurvey;
  readonly #options: LookOptions;

  constructor(connector: StreamConnector, options: LookOptions) {
    this.#survey = new StreamSurvey(connector);
    this.#options = options;
  }

  /**
   * How many offsets a stream takes, and where it is read by AMQP 0-9-1 what that loses.
   *
   * @throws {AppError} `broker_missing` when it is gone; `broker_unreachable` without a stream port that
   * is asked for; what AMQP says
   */
  async at(
    queue: DeclaredStream,
    starts: StreamStarts | undefined,
  ): Promise<{ ready: number; start?: StreamStart | undefined; byAmqp?: ReadByAmqp }> {
    const { protocol } = this.#options;
    if (protocol === "amqp") return await this.#byAmqp(queue, "backup.stream_protocol: amqp");
    try {
      if (starts === undefined) return { ready: await this.#survey.messagesOf(queue) };
      const start = await this.#survey.startOf(queue, starts);
      return {
        start,
        ready: start === undefined ? 0 : offsetNumber(start.last - start.first + 1n),
      };
    } catch (error) {
      if (protocol === "stream" || !isUnreachable(error)) throw error;
      return await this.#instead(queue, error);
    }
  }

  /** By AMQP; where that does not work either, the error says both. */
  async #instead(queue: { vhost: string; name: string }, ofStream: AppError) {
    const because = ofStream.message.replace(/^Cannot /, "cannot ");
    try {
      return await this.#byAmqp(queue, because);
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "broker_missing") throw error;
      throw new AppError(error.code, `${error.message}; by the stream protocol: ${because}`, {
        cause: error,
        ...(ofStream.hint === undefined ? {} : { hint: ofStream.hint }),
      });
    }
  }

  async #byAmqp(queue: { vhost: string; name: string }, because: string) {
    const losses = amqpLosses(this.#options.brokerVersion);
    return { ready: await this.#messagesByAmqp(queue), byAmqp: { because, losses } };
  }

  async #messagesByAmqp({ vhost, name }: { vhost: string; name: string }): Promise<number> {
    const { connections, signal } = this.#options;
    return await connections.use(vhost, async (connection) => {
      const bounds = await messageBounds(connection, { stream: name, waitMs: WAIT_MS, signal });
      if (bounds !== undefined) return bounds.last - bounds.first + 1;
      await using inspector = new QueueInspector(connection);
      return (await inspector.depth(name)).ready;
    });
  }
}

function isUnreachable(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "broker_unreachable";
}
