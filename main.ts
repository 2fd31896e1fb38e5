import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runCli } from "./src/cli/run.ts";
import { processTerminal } from "./src/cli/terminal.ts";

/** How a person starts this program, for the commands that it suggests. */
function invocation(): string {
  if (Deno.build.standalone) return "rabbitmq-backup";
  return `deno run -A ${relative(Deno.cwd(), fileURLToPath(import.meta.url))}`;
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
  });
  Deno.exit(exitCode);
}
