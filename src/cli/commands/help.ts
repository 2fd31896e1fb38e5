import type { Command } from "commander";
import type { Launch } from "../command.ts";
import { type CommandContext, usageError } from "../context.ts";
import { EXIT, EXIT_CODES } from "../exit_code.ts";
import { didYouMean } from "../../config/nearest.ts";
import { renderTable } from "../output/table.ts";

const TOPIC = "exit-codes";

/** `help [topic]`: a command's help, or a topic's. */
export function addHelpCommand(program: Command, launch: Launch): void {
  program.command("help [topic...]").summary("explain a command, or exit-codes")
    .description(`Explains a command, or one of the topics: ${TOPIC}.`)
    .action(launch((context) => Promise.resolve(showHelp(context, program))));
}

function showHelp({ positionals, output }: CommandContext, program: Command): number {
  if (positionals[0] === TOPIC) {
    if (output.options.json) output.document({ exit_codes: exitCodesDocument() });
    else output.result(exitCodesText());
    return EXIT.ok;
  }
  let command = program;
  for (const name of positionals) {
    const found = command.commands.find((one) =>
      one.name() === name || one.aliases().includes(name)
    );
    if (found === undefined) throw unknownTopic(name, program);
    command = found;
  }
  command.outputHelp();
  return EXIT.ok;
}

function exitCodesText(): string[] {
  const rows = EXIT_CODES.map(({ code, name, meaning }) => [String(code), name, meaning]);
  return [
    ...renderTable(
      [{ title: "CODE", align: "right" }, { title: "NAME" }, { title: "MEANING" }],
      rows,
    ),
    "",
    "Any other code is a failure.",
  ];
}

function exitCodesDocument() {
  return EXIT_CODES.map(({ code, name, meaning, errors }) => ({ code, name, meaning, errors }));
}

function unknownTopic(name: string, program: Command) {
  const known = [...program.commands.map((command) => command.name()), TOPIC];
  const hint = didYouMean(name, known).replace("; ", "") || `known are ${known.join(", ")}`;
  return usageError(`Cannot explain "${name}": there is no such command or topic`, hint);
}
