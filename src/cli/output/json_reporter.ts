import type {
  EngineEvent,
  QueueDoneEvent,
  StatusEvent,
  SummaryEvent,
} from "../../engine/events.ts";
import type { Output } from "./output.ts";
import type { Reporter } from "./reporter.ts";

const INTERVAL_SECONDS = { terminal: 1, pipe: 30 };

/** Progress for scripts: one JSON object a line on stdout, described in `docs/json-output.md`. */
export class JsonReporter implements Reporter {
  readonly #output: Output;
  readonly #exitCodeOf: (summary: SummaryEvent) => number;
  readonly #intervalMs: number;
  /** The newest status that was not shown. */
  #pending: StatusEvent | undefined;
  #lastShown: number;

  constructor(output: Output, exitCodeOf: (summary: SummaryEvent) => number) {
    this.#output = output;
    this.#exitCodeOf = exitCodeOf;
    this.#lastShown = output.terminal.now().getTime();
    const { terminal, pipe } = INTERVAL_SECONDS;
    const usual = output.terminal.stdout.isTerminal ? terminal : pipe;
    this.#intervalMs = 1000 * (output.options.progressInterval ?? usual);
  }

  event(event: EngineEvent): void {
    switch (event.type) {
      case "status":
        return this.#status(event);
      case "queue_done":
        return this.#output.message("queue_done", queueDoneFields(event));
      case "warning":
        return this.#output.warning(event);
      case "step":
        return this.#output.message("step", { message: event.message });
      case "summary":
        return this.#summary(event);
    }
  }

  showStatus(): void {
    if (this.#pending === undefined) return;
    this.#output.message("status", statusFields(this.#pending));
    this.#pending = undefined;
    this.#lastShown = this.#output.terminal.now().getTime();
  }

  /** The last status is told even when the run ends with an error. */
  close(): void {
    if (this.#intervalMs > 0) this.showStatus();
  }

  #status(status: StatusEvent): void {
    this.#pending = status;
    const isDue = this.#output.terminal.now().getTime() - this.#lastShown >= this.#intervalMs;
    if (this.#intervalMs > 0 && isDue && !this.#output.terminal.stdout.congested) this.showStatus();
  }

  #summary(summary: SummaryEvent): void {
    this.close();
    this.#output.message("summary", summaryFields(summary, this.#exitCodeOf(summary)));
  }
}

function statusFields(status: StatusEvent) {
  return {
    operation: status.operation,
    seconds_elapsed: rounded(status.secondsElapsed),
    seconds_remaining: rounded(status.secondsRemaining),
    percent_done: status.percentDone,
    queues_total: status.queuesTotal,
    queues_done: status.queuesDone,
    messages_total: status.messagesTotal,
    messages_done: status.messagesDone,
    bytes_done: status.bytesDone,
    rate_msgs: rounded(status.rateMessages),
    rate_bytes: rounded(status.rateBytes),
    error_count: status.errorCount,
    current_queues: status.active.map((queue) => ({
      vhost: queue.vhost,
      queue: queue.queue,
      phase: queue.phase,
      messages_done: queue.messagesDone,
      messages_total: queue.messagesTotal,
      bytes_done: queue.bytesDone,
      messages_held: queue.messagesHeld,
      messages_returned: queue.messagesReturned,
      messages_packed: queue.messagesPacked,
      messages_stored: queue.messagesStored,
    })),
  };
}

function queueDoneFields(event: QueueDoneEvent) {
  return {
    operation: event.operation,
    vhost: event.vhost,
    queue: event.queue,
    queue_type: event.queueType,
    outcome: event.outcome,
    messages: event.messages,
    bytes: event.bytes,
    bytes_stored: event.bytesStored,
    segments: event.segments,
    base: event.base,
    seconds_elapsed: rounded(event.seconds),
    seconds_held: rounded(event.holdSeconds),
    return_method: event.returnCost?.method,
    delivery_attempts: event.returnCost?.deliveryAttempts,
    undelivered: event.undelivered,
    copies: event.copies,
    target_vhost: event.destination?.vhost,
    target_queue: event.destination?.queue,
    left_out: event.leftOut,
    without_timestamp: event.untimed,
    losses: event.losses && {
      not_amqp10: event.losses.notAmqp10,
      delivery_annotations: event.losses.deliveryAnnotations,
      header_fields: event.losses.headerFields,
      data_sections: event.losses.dataSections,
      values: event.losses.values,
    },
    reason: event.reason,
    hint: event.hint,
  };
}

function summaryFields(summary: SummaryEvent, exitCode: number) {
  return {
    operation: summary.operation,
    backup_id: summary.backupId,
    location: summary.location,
    target: summary.target,
    outcome: summary.outcome,
    queues_ok: summary.queuesOk,
    queues_skipped: summary.queuesSkipped,
    queues_failed: summary.queuesFailed,
    queues_partial: summary.queuesPartial,
    messages: summary.messages,
    bytes: summary.bytes,
    bytes_stored: summary.bytesStored,
    seconds_elapsed: rounded(summary.seconds),
    possible_duplicates: summary.possibleDuplicates,
    undelivered: summary.undelivered,
    undelivered_backups: summary.undeliveredBackups,
    undelivered_location: summary.undeliveredLocation,
    messages_in_all: summary.inAll?.messages,
    undelivered_in_all: summary.inAll?.undelivered,
    copies: summary.copies,
    copies_unsure: summary.unsureCopies,
    reconnects: summary.reconnects,
    seconds_paused: rounded(summary.pausedSeconds),
    messages_left_out: summary.messagesLeftOut,
    resume_command: summary.resumeCommand,
    exit_code: exitCode,
  };
}

/** Milliseconds are enough; `undefined` fields are left out of the JSON. */
function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1000) / 1000;
}
