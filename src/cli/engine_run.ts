import { exitCodeOfSummary, stoppedError } from "../console/run_end.ts";
import { trapSignals } from "../console/signals.ts";
import type { EventSink, SummaryEvent } from "../engine/events.ts";
import { AppError, messageOf } from "../errors.ts";
import type { CommandContext } from "./context.ts";
import { openReporter } from "./output/reporter.ts";

/** A piece of work that the engine does and that a person can stop. */
export interface EngineWork<T> {
  /** What is done on the first Ctrl-C, for the person who waits: "giving the messages back". */
  readonly stopping: string;
  /** The command that goes on after an interruption. */
  readonly resume?: string;
  /** Changes what may be changed on the way, on SIGUSR2, and says how it is now. */
  change?(): Promise<string>;
  run(tools: { emit: EventSink; signal: AbortSignal }): Promise<T>;
}

/** Runs engine work with progress on the screen, and stops it on signals. */
export async function runEngineWork<T>(
  context: CommandContext,
  work: EngineWork<T>,
): Promise<T> {
  const { output, host } = context;
  const controller = new AbortController();
  const { reporter, emit } = openReporter(output, exitCodeOfSummary);
  using _signals = trapSignals({
    stop: (reason) => {
      // Whoever pressed the keys wants to see that it was heard, --quiet or not.
      output.block.print(`Stopping: ${work.stopping}. Press Ctrl-C again to stop at once.\n`);
      controller.abort(reason);
    },
    stopNow: (code) => host.exit(code),
    status: () => reporter.showStatus(),
    change: () => void change(work, emit),
  });
  try {
    const result = await work.run({
      // The summary is told below, once, when all else has been.
      emit: (event) => event.type === "summary" ? undefined : emit(event),
      signal: controller.signal,
    });
    reporter.close();
    if (isSummary(result)) reporter.event(result);
    return result;
  } catch (error) {
    reporter.close();
    throw stoppedError(error, controller.signal, work.resume);
  }
}

/** A run goes on as it was when that fails, or when there is nothing to change. */
async function change<T>(work: EngineWork<T>, emit: EventSink): Promise<void> {
  if (work.change === undefined) return;
  try {
    emit({ type: "step", message: await work.change() });
  } catch (error) {
    emit({
      type: "warning",
      message: messageOf(error),
      ...(error instanceof AppError && error.hint !== undefined ? { hint: error.hint } : {}),
    });
  }
}

function isSummary(result: unknown): result is SummaryEvent {
  return (result as { type?: unknown } | null)?.type === "summary";
}
