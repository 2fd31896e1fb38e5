import { Command, Option } from "commander";
import { VERSION } from "../version.ts";
import { addStreamFormatOption, type Launch } from "./command.ts";
import { addBackupCommand } from "./commands/backup.ts";
import { addCompletionCommands } from "./commands/completions.ts";
import { addConfigCommand } from "./commands/config.ts";
import { addDefinitionsDiffCommand } from "./commands/definitions_diff.ts";
import { addDefinitionsExportCommand } from "./commands/definitions_export.ts";
import { addDefinitionsImportCommand } from "./commands/definitions_import.ts";
import { addDefinitionsRollbackCommand } from "./commands/definitions_rollback.ts";
import { addDescribeCommand } from "./commands/describe.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addFinishCommand } from "./commands/finish.ts";
import { addHelpCommand } from "./commands/help.ts";
import { addInitCommand } from "./commands/init.ts";
import { addListCommand } from "./commands/list.ts";
import { addMessagesCommand } from "./commands/messages.ts";
import { addRestoreCommand, addValidateRestoreCommand } from "./commands/restore.ts";
import { addTuiCommand } from "./commands/tui.ts";
import { addValidateCommand } from "./commands/validate.ts";
import { addVerifyCommand } from "./commands/verify.ts";
import { addVersionCommand } from "./commands/version.ts";
import type { Terminal } from "./terminal.ts";

const DESCRIPTION =
  "Backs up the messages and definitions of a running RabbitMQ over the network, and restores them. " +
  "The broker keeps running, and its queues keep their messages, in order and unchanged.";

const AFTER = `
Flags that set something are environment variables as well: --amqp-url is
RABBITMQ_BACKUP_AMQP_URL. A flag wins over a variable, a variable over the file.

  rabbitmq-backup help backup        what a command does, its flags, examples
  rabbitmq-backup help exit-codes    what the exit codes mean`;

/** The command line: all commands, with their flags and help. Nothing else is loaded yet. */
export function buildProgram(launch: Launch, terminal: Terminal): Command {
  const program = new Command("rabbitmq-backup");
  program
    .description(DESCRIPTION)
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // The error is thrown as well, and reported like all others.
      outputError: () => {},
      getOutHelpWidth: () => Math.min(100, terminal.stdout.size().columns),
      getErrHelpWidth: () => Math.min(100, terminal.stderr.size().columns),
    })
    .addHelpText("after", AFTER);
  addOutputOptions(program);
  program.commandsGroup("Messages:");
  addBackupCommand(program, launch);
  addRestoreCommand(program, launch);
  program.commands.forEach(addStreamFormatOption);
  addValidateRestoreCommand(program, launch);
  addVerifyCommand(program, launch);
  program.commandsGroup("Backups:");
  addListCommand(program, launch);
  addDescribeCommand(program, launch);
  addMessagesCommand(program, launch);
  addValidateCommand(program, launch);
  addFinishCommand(program, launch);
  program.commandsGroup("Definitions:");
  addDefinitionsExportCommand(program, launch);
  addDefinitionsImportCommand(program, launch);
  addDefinitionsDiffCommand(program, launch);
  addDefinitionsRollbackCommand(program, launch);
  program.commandsGroup("This program:");
  addTuiCommand(program, launch);
  addDoctorCommand(program, launch);
  addInitCommand(program, launch);
  addConfigCommand(program, launch);
  addCompletionCommands(program, launch);
  addVersionCommand(program, launch);
  addHelpCommand(program, launch);
  return program;
}

function addOutputOptions(program: Command): void {
  const noInput = new Option("--no-input", "never ask: go on as without a terminal");
  // A flag of its own, and not the opposite of definitions-import's --input.
  noInput.negate = false;
  program
    .addOption(
      new Option("-v, --verbose", "say more; -vv still more")
        .argParser((_, count: number | undefined) => (count ?? 0) + 1),
    )
    .option("-q, --quiet", "say only errors and the result in one line")
    .option("--json", "results as JSON (docs/json-output.md)")
    .option("--progress-interval <time>", "time between status lines, such as 30s; 0: none")
    .option("--no-color", "no colours; so does the variable NO_COLOR")
    .addOption(noInput);
}
