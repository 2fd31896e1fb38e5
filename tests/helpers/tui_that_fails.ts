/** The program with an error that nobody waits for, in the middle of its user interface. */
import { runCli } from "../../src/cli/run.ts";
import { processTerminal } from "../../src/cli/terminal.ts";
import { openTui } from "../../tui/main.tsx";

const way = Deno.env.get("TUI_FAILS_BY");

function fail(): void {
  if (way === "exit") Deno.exit(42);
  if (way === "throw") throw new Error("boom from a timer");
  void Promise.reject(new Error("boom from a promise"));
}

Deno.exit(
  await runCli(Deno.args, {
    terminal: processTerminal(),
    invocation: "rabbitmq-backup",
    exit: (code) => Deno.exit(code),
    onUncaught: (report) => {
      for (const type of ["unhandledrejection", "error"] as const) {
        globalThis.addEventListener(type, (event) => {
          event.preventDefault();
          report("reason" in event ? event.reason : event.error);
        });
      }
    },
    openTui(call) {
      setTimeout(fail, 1500);
      return openTui(call);
    },
  }),
);
