import type { QueueDepth } from "../../broker/amqp/queue_inspector.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import { AppError } from "../../errors.ts";
import { queueKey } from "../queue_key.ts";
import { isByContent, type MessageSelection } from "../restore/selection.ts";
import { StreamSurvey } from "./survey.ts";

/** What a frame has beside the entry, at the most: heads, and a filter value. */
const FRAME_HEAD_BYTES = 1024;

/** Looks at the streams of the target, as far as a restore goes into streams. */
export class StreamTargets {
  readonly #survey: StreamSurvey;
  readonly #selection: MessageSelection;
  /** Why streams could not be looked at, by {@linkcode queueKey}. */
  readonly #errors = new Map<string, AppError>();

  constructor(connector: StreamConnector, selection: MessageSelection) {
    this.#survey = new StreamSurvey(connector);
    this.#selection = selection;
  }

  /** What a stream holds; undefined when it does not exist, or {@linkcode obstacleTo} says why not. */
  async depth(queue: { vhost: string; name: string }): Promise<QueueDepth | undefined> {
    try {
      return { ready: await this.#survey.messagesOf(queue), consumers: 0 };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code !== "broker_missing") this.#errors.set(queueKey(queue), error);
      return undefined;
    }
  }

  /**
   * Why nothing goes into a stream; `largest`: bytes of the largest entry that would.
   */
  obstacleTo(
    queue: { vhost: string; name: string },
    largest: number,
  ): { reason: string; hint: string } | undefined {
    if (isByContent(this.#selection)) {
      return {
        reason: "of a stream messages can be chosen by when they were written only",
        hint: "choose by time_window_field: backed_up_at, or leave streams out: --type classic " +
          "--type quorum",
      };
    }
    const { frameMax } = this.#survey;
    if (largest > frameMax - FRAME_HEAD_BYTES) {
      return {
        reason:
          `it has a message or batch of ${largest} bytes, and the target takes frames of at ` +
          `most ${frameMax} bytes by the stream protocol`,
        hint: "raise stream.frame_max in the target's configuration (AMQP, by which it may have " +
          "been published, has another limit)",
      };
    }
    const error = this.#errors.get(queueKey(queue));
    if (error === undefined) return undefined;
    const hint = error.hint === undefined ? "" : `${error.hint}; or `;
    return {
      reason: error.message,
      hint: `${hint}leave streams out: --type classic --type quorum`,
    };
  }
}
