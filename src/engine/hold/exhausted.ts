import type { SpooledSegment } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";

/** What an {@linkcode ExhaustedError} tells of. */
interface ExhaustedOptions {
  readonly limit: number;
  readonly exhausted: number;
  readonly rescued: number;
  readonly received: number;
  /** They went back without being charged an attempt. */
  readonly isFree: boolean;
  /** The connection was lost while they were held: places of those that went with it, in the spool. */
  readonly dropped?: DroppedMessages | undefined;
}

interface DroppedMessages {
  readonly places: readonly number[];
  readonly segments: readonly SpooledSegment[];
}

/** The queue has messages that would be lost by being given back; reading ended at the first of them. */
export class ExhaustedError extends AppError {
  /** Messages that were given back, at the price of a delivery attempt. */
  readonly returned: number;
  readonly dropped: DroppedMessages | undefined;
  readonly #queue: string;
  readonly #options: ExhaustedOptions;

  constructor(queue: string, options: ExhaustedOptions) {
    const { limit, exhausted, received, dropped, isFree } = options;
    const breaksDown = dropped === undefined
      ? "if this process or the connection broke down"
      : "as the connection broke down";
    const found = `${exhausted} of its messages ${exhausted === 1 ? "has" : "have"} used up all ` +
      `${limit} delivery attempts, and would be lost ` +
      (isFree || dropped !== undefined ? breaksDown : "when given back");
    super("refused", `Cannot read queue "${queue}": ${found}; ${outcomeOf(options)}`, {
      hint: "raise delivery-limit by a policy (-1 is none from 4.0 on), have these messages " +
        "consumed, or upgrade to RabbitMQ 4.3, where reading costs none",
    });
    this.#queue = queue;
    this.#options = options;
    this.returned = received - exhausted;
    this.dropped = dropped;
  }

  /** The same when so many of the dropped messages have been put back after all. */
  afterRescue(count: number): ExhaustedError {
    const rescued = this.#options.rescued + count;
    return new ExhaustedError(this.#queue, { ...this.#options, rescued });
  }
}

function outcomeOf({ exhausted, rescued, isFree, dropped }: ExhaustedOptions): string {
  if (rescued === exhausted) {
    return "a copy of each was put at its end instead, and nothing was lost";
  }
  if (isFree && dropped === undefined) return "they went back at once";
  return `copies of ${rescued} were put at its end instead; the broker has dropped the others, or ` +
    "moved them to the dead-letter exchange";
}
