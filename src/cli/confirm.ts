import { AppError } from "../errors.ts";
import type { CommandContext } from "./context.ts";
import { paint } from "../console/text/style.ts";
import { trapSignals } from "../console/signals.ts";

/**
 * Whether a person is to be asked: there is one, and nothing says otherwise. A script that reads JSON
 * is not asked, nor is one without a terminal.
 */
export function isAsked({ host: { terminal }, flags, output }: CommandContext): boolean {
  return terminal.canAsk && flags.yes !== true && flags.noInput !== true && !output.options.json;
}

/**
 * Asks on stderr, and returns when the answer is yes.
 *
 * @throws {AppError} `declined` when it is anything else: no answer, end of input, Ctrl-C
 */
export async function confirm(
  context: CommandContext,
  question: string,
  { done = "restored" }: { done?: "restored" | "imported" | "rolled back" } = {},
): Promise<void> {
  const { host, output } = context;
  const controller = new AbortController();
  using _signals = trapSignals({
    stop: (reason) => controller.abort(reason),
    stopNow: (code) => host.exit(code),
    status: () => {},
    change: () => {},
  });
  output.block.print(`${paint(output.errStyle, "strong", question)} [y/N] `);
  const answer = await host.terminal.readLine({ signal: controller.signal });
  if (/^\s*y(es)?\s*$/i.test(answer ?? "")) return;
  // The cursor stands behind the question.
  if (answer === undefined) output.block.print("\n");
  const { reason } = controller.signal;
  if (reason instanceof AppError && reason.code !== "interrupted") throw reason;
  throw new AppError("declined", `Nothing was ${done}, as the answer was not yes`, {
    hint: "--yes answers beforehand; --dry-run shows the plan without asking",
  });
}
