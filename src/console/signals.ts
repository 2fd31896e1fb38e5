import { AppError } from "../errors.ts";
import { EXIT_CODES } from "./exit_code.ts";

/** What is done when the process is told something from outside. */
export interface SignalHandlers {
  /** The first request to stop; the error becomes the reason of the abort. */
  stop(reason: AppError): void;
  /** The second one: end at once with this code. */
  stopNow(exitCode: number): void;
  /** SIGUSR1: show how far the run is. */
  status(): void;
  /** SIGUSR2: change what may be changed on the way. */
  change(): void;
}

const STOPPING: Partial<Record<Deno.Signal, AppError["code"]>> = Deno.build.os === "windows"
  ? { SIGINT: "interrupted", SIGBREAK: "terminated" }
  : { SIGINT: "interrupted", SIGTERM: "terminated", SIGHUP: "terminated" };

const REASONS: Partial<Record<Deno.Signal, string>> = {
  SIGINT: "Stopped by Ctrl-C",
  SIGHUP: "Stopped because the terminal was closed",
};

/** Listens to signals until it is disposed of. */
export function trapSignals(handlers: SignalHandlers): Disposable {
  const listeners: [Deno.Signal, () => void][] = [];
  let stopping = false;
  for (const [name, code] of Object.entries(STOPPING) as [Deno.Signal, AppError["code"]][]) {
    if (name === "SIGHUP" && isHangupIgnored()) continue;
    listeners.push([name, () => {
      const exitCode = EXIT_CODES.find(({ errors }) => errors.includes(code))!.code;
      if (stopping) return handlers.stopNow(exitCode);
      stopping = true;
      handlers.stop(new AppError(code, REASONS[name] ?? `Stopped by ${name}`));
    }]);
  }
  if (Deno.build.os !== "windows") {
    listeners.push(["SIGUSR1", () => handlers.status()], ["SIGUSR2", () => handlers.change()]);
  }
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  return {
    [Symbol.dispose]() {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}

/** Whether the process was started by `nohup`, which a listener would undo (proc(5), SigIgn). */
function isHangupIgnored(): boolean {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))
      ?.[1];
    return ignored !== undefined && (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
