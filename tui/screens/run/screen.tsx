import { EXIT, exitCodeOf } from "../../../src/console/exit_code.ts";
import { exitCodeOfSummary, stoppedError } from "../../../src/console/run_end.ts";
import { escapeLines } from "../../../src/console/text/escape.ts";
import { paint, signsOf } from "../../../src/console/text/style.ts";
import { summaryLines } from "../../../src/console/text/summary_text.ts";
import { formatPercent } from "../../../src/console/text/format.ts";
import { Tally } from "../../../src/console/text/tally.ts";
import type { QueueDoneEvent, SummaryEvent } from "../../../src/engine/events.ts";
import { AppError } from "../../../src/errors.ts";
import type { Pace } from "../../../src/engine/pace.ts";
import type { RunTools } from "../../app/engine.ts";
import type { Failure } from "../../app/failure.ts";
import type { Binding, MoveCommand } from "../../app/keys.ts";
import type { Area, Screen } from "../../app/screen.ts";
import { conditionOf } from "../../app/saved_command.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { scrolledTop } from "../../components/text_lines.tsx";
import {
  DONE_KEYS,
  FAILED_KEYS,
  PACED_KEYS,
  PAUSED_KEYS,
  type RunCommand,
  RUNNING_KEYS,
  STOPPING_KEYS,
} from "./keys.ts";
import { NOT_BEGUN, reduceRun } from "./state.ts";
import { runPage, RunView } from "./view.tsx";

/** What came of a run. */
export interface RunEnd {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** A run of the engine that is to be watched. */
export interface RunCall<Result = SummaryEvent> {
  readonly title: string;
  /** The subject of a sentence: "The backup". */
  readonly what: string;
  /** What is done when it is stopped: "giving the messages back". */
  readonly stopping: string;
  /** What is done while queues are worked on; not of a backup, which has figures of its own. */
  readonly working?: string;
  /** What becomes of it when it is stopped, where nothing is gone on with. */
  readonly stopped?: string;
  /** The command that does the same, and its flags. */
  readonly command: string;
  readonly flags: readonly string[];
  /** Where it works, for the header, where that is not what the program is connected to. */
  readonly place?: string;
  run(tools: RunTools & { pace?: Pace }): Promise<Result>;
  /** The result for a person, by the queues that have ended. */
  end(result: Result, ended: readonly QueueDoneEvent[]): RunEnd;
  /** Its speed, where that can be changed while it runs. */
  newPace?(): Pace;
  /** What can be done when it has come to an end. */
  readonly next?: {
    readonly binding: Binding<"next">;
    open(ended: readonly QueueDoneEvent[]): Screen;
  };
}

type PaceChange = "pause" | "resume" | "slower" | "faster";

/** The end of a run that ends with a summary. */
export function summaryEnd({ call }: Session) {
  return (summary: SummaryEvent, ended: readonly QueueDoneEvent[]): RunEnd => ({
    lines: summaryLines(summary, tallyOf(ended), call.style),
    exitCode: exitCodeOfSummary(summary),
  });
}

/** Runs it at once, and shows how it goes and what came of it. */
export function openRun<Result>(session: Session, call: RunCall<Result>): Screen {
  const store = new Store(reduceRun, NOT_BEGUN);
  const controller = new AbortController();
  const pace = call.newPace?.();
  const isRunning = () => store.state.phase === "running" || store.state.phase === "stopping";
  return {
    title: call.title,
    keys() {
      const { phase } = store.state;
      if (phase === "done") {
        return [...call.next === undefined ? [] : [call.next.binding], ...DONE_KEYS];
      }
      return { running: runningKeys(), stopping: STOPPING_KEYS, failed: FAILED_KEYS }[phase];
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => (
      <RunView
        state={store.state}
        area={area}
        stopping={call.stopping}
        {...call.working === undefined ? {} : { working: call.working }}
      />
    ),
    commandLine: () => session.commandLine(call.command, call.flags),
    open: () => void run(),
    running: () => isRunning() ? { what: call.what, stopped: call.stopped, stop } : undefined,
    place: () => call.place,
  };

  function press(command: string, area: Area): void {
    const known = command as RunCommand;
    switch (known) {
      case "stop":
        return session.navigator.stop();
      case "pause":
      case "resume":
      case "slower":
      case "faster":
        return changePace(known);
      case "close":
        return session.navigator.back();
      case "next":
        return call.next && session.navigator.replace(call.next.open(store.state.ended));
      case "goOn":
        return session.navigator.replace(openRun(session, call));
      default: {
        const move = known as MoveCommand;
        if (isRunning()) {
          return store.dispatch({ type: "move", command: move, page: runPage(area) });
        }
        const { lines, cursor } = store.state;
        return store.dispatch({
          type: "scroll",
          top: scrolledTop(cursor.top, move, { lines, area }),
        });
      }
    }
  }

  function runningKeys(): readonly Binding[] {
    if (pace === undefined) return RUNNING_KEYS;
    return pace.isPaused ? PAUSED_KEYS : PACED_KEYS;
  }

  function changePace(change: PaceChange): void {
    if (pace === undefined) return;
    if (change === "resume") pace.goOn();
    else pace[change]();
    session.log.add({ kind: "step", text: `${call.what} ${paceText(change, pace)}` });
    store.dispatch({ type: "pace", pace: { isPaused: pace.isPaused, share: pace.share } });
  }

  function stop(): void {
    store.dispatch({ type: "stopping" });
    controller.abort(new AppError("interrupted", `${call.what} was stopped`));
  }

  async function run(): Promise<void> {
    session.log.add({ kind: "step", text: `${call.what} begins` });
    const line = session.wholeLine(call.command, call.flags);
    const condition = conditionOf(line);
    const resume = condition === undefined ? line : `${line}\n${condition}`;
    try {
      const result = await call.run({
        emit: session.safely((event) => store.dispatch({ type: "event", event })),
        signal: controller.signal,
        ...pace === undefined ? {} : { pace },
      });
      const ended = call.end(result, store.state.ended);
      end(ended);
      session.log.add({ kind: "result", text: resultText(ended.lines) });
      store.dispatch({ type: "done", lines: ended.lines });
    } catch (thrown) {
      const error = withResume(stoppedError(thrown, controller.signal, resume), resume);
      const failure = session.failure(error);
      const lines = failureLines(failure);
      end({ lines, exitCode: error instanceof AppError ? exitCodeOf(error.code) : EXIT.failed });
      store.dispatch({ type: "failed", failure, lines });
    }
  }

  function end({ lines, exitCode }: RunEnd): void {
    session.kept.push(...lines, "");
    session.exitCode = exitCode;
  }

  function failureLines({ message, hint }: Failure): string[] {
    const { style } = session.call;
    const isStop = controller.signal.aborted;
    const sign = isStop
      ? paint(style, "attention", signsOf(style).attention)
      : paint(style, "bad", signsOf(style).failed);
    return [
      `${sign} ${escapeLines(message)}`,
      ...hint === undefined ? [] : ["", ...escapeLines(hint).split("\n")],
    ];
  }
}

function paceText(change: PaceChange, { share }: Pace): string {
  if (change === "pause") return "pauses: it begins nothing more";
  if (change === "resume") return "goes on after a pause";
  return `goes ${change}: at ${formatPercent(share)} of full speed`;
}

/** A broker that was lost may be back soon, so it is told how to go on then. */
function withResume(error: unknown, resume: string): unknown {
  if (!(error instanceof AppError) || error.code !== "broker_unreachable") return error;
  const { code, message, hint = "", cause } = error;
  if (hint.includes(resume)) return error;
  const told = [...hint === "" ? [] : [hint], `go on with: ${resume}`].join("\n");
  return new AppError(code, message, { hint: told, cause });
}

/** The line of a result that says it all is the last one that says something. */
function resultText(lines: readonly string[]): string {
  // deno-lint-ignore no-control-regex
  return lines.findLast((line) => line !== "")?.replace(/\u001b\[[\d;]*m/g, "").trim() ?? "";
}

function tallyOf(ended: readonly QueueDoneEvent[]): Tally {
  const tally = new Tally();
  for (const event of ended.toReversed()) tally.add(event);
  return tally;
}
