import { fileURLToPath } from "node:url";
import { shellWord } from "./src/console/resume_command.ts";
import { runCli } from "./src/cli/run.ts";
import { processTerminal } from "./src/cli/terminal.ts";
import { PROGRAM_PATH } from "./src/program_path.ts";

/** How a shell starts this program, whatever its folder and PATH, for commands that it suggests. */
function invocation(): string {
  const executable = shellWord(Deno.execPath());
  if (Deno.build.standalone || PROGRAM_PATH !== undefined) return executable;
  return `${executable} run -A ${shellWord(fileURLToPath(import.meta.url))}`;
}

function reportUncaught(report: (error: unknown) => void): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    report(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    report(event.error);
  });
}

if (import.meta.main) {
  const exitCode = await runCli(Deno.args, {
    terminal: processTerminal(),
    invocation: invocation(),
    exit: (code) => Deno.exit(code),
    onUncaught: reportUncaught,
    openTui: async (call) => await (await import("./tui/main.tsx")).openTui(call),
  });
  Deno.exit(exitCode);
}
