import { Argument, type Command } from "commander";
import { type Launch, newCommand } from "../command.ts";
import { complete } from "../completion/complete.ts";
import { SCRIPTS, type Shell, SHELLS } from "../completion/scripts.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";

const HELP = {
  summary: "print the completion script of a shell",
  description:
    "Prints what a shell has to load so that Tab completes commands, flags and their values: also names " +
    "of queues and virtual hosts, when the broker is known from the flags before them, a file or variables " +
    "and answers within 1.5 s, and ids of backups likewise.",
  examples: [
    [
      "bash, for all users",
      "rabbitmq-backup completions bash > /etc/bash_completion.d/rabbitmq-backup",
    ],
    [
      "zsh, into a folder of fpath",
      "rabbitmq-backup completions zsh > ~/.zfunc/_rabbitmq-backup",
    ],
    ["fish", "rabbitmq-backup completions fish > ~/.config/fish/completions/rabbitmq-backup.fish"],
    [
      "PowerShell, in $PROFILE",
      "rabbitmq-backup completions powershell | Out-String | Invoke-Expression",
    ],
  ],
} as const;

/** `completions`, and the hidden `complete` that its scripts call. */
export function addCompletionCommands(program: Command, launch: Launch): void {
  newCommand(program, "completions", HELP)
    .addArgument(new Argument("<shell>", SHELLS.join(", ")).choices(SHELLS))
    .action(launch(printScript));
  program.command("complete", { hidden: true }).argument("[words...]")
    .description("Says what may stand behind these words, one in a line; for the scripts.")
    .action(launch((context) => printCandidates(context, program)));
}

function printScript({ host, positionals }: CommandContext): Promise<number> {
  host.terminal.stdout.write(SCRIPTS[positionals[0] as Shell]);
  return Promise.resolve(EXIT.ok);
}

async function printCandidates(
  { host, positionals }: CommandContext,
  program: Command,
): Promise<number> {
  const { env, stdout } = host.terminal;
  const lines = await complete(program, { words: positionals, env });
  stdout.write(lines.map((line) => `${line}\n`).join(""));
  return EXIT.ok;
}
