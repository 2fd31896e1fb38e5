import { type Command, CommanderError } from "commander";
import { AppError, saysDiskFull } from "../errors.ts";
import { canOpenTui, openTui } from "./commands/tui.ts";
import { type CommandRun, givenFlags } from "./command.ts";
import { type Host, usageError } from "./context.ts";
import { EXIT } from "../console/exit_code.ts";
import { Output, type OutputOptions } from "./output/output.ts";
import { buildProgram } from "./program.ts";
import { variableOf } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** Runs the program: arguments in, exit code out. Ends only when all output has left. */
export async function runCli(argv: readonly string[], host: Host): Promise<number> {
  const { terminal } = host;
  // Good enough until the command line is read.
  let output = new Output(terminal, {
    json: /(^|\s)(--json|(-f|--format)[\s=]?json)(\s|$)/.test(argv.join(" ")),
    jsonLines: false,
    quiet: false,
    verbosity: 0,
    color: !argv.includes("--no-color"),
  });
  const isNamed = (command: Command) => argv.includes(command.name());
  let exitCode: number = EXIT.ok;
  host.onUncaught?.(async (error) => {
    const code = output.error(error);
    await output.flush();
    host.exit(code);
  });
  const launch = (run: CommandRun) => async (...args: unknown[]) => {
    // Commander's last argument is the command, and the one before it its flags.
    const command = args.at(-1) as ReturnType<typeof buildProgram>;
    const flags = givenFlags(command);
    output = new Output(terminal, outputOptions(command.name(), { flags, terminal }));
    exitCode = await run({ host, output, argv, flags, positionals: command.args });
  };
  const program = buildProgram(launch, terminal);
  try {
    refusePasswords(argv);
    if (argv.length === 0 && canOpenTui({ host })) {
      exitCode = await openTui({ host, output, argv, flags: {}, positionals: [] });
    } else if (argv.length === 0) {
      program.outputHelp({ error: true });
      exitCode = EXIT.usage;
    } else {
      await program.parseAsync(argv, { from: "user" });
    }
  } catch (error) {
    exitCode = finish(error, { output, command: program.commands.find(isNamed) });
  }
  await output.flush();
  const { failure } = terminal.stdout;
  if (failure !== undefined && exitCode === EXIT.ok) {
    const full = saysDiskFull(failure.message);
    exitCode = output.error(
      new AppError(
        full ? "storage_full" : "failed",
        `Cannot write the output: ${full ? "the disk is full" : failure.message}`,
        { hint: "what was printed is not whole; what the command did is done", cause: failure },
      ),
    );
    await output.flush();
  }
  return exitCode;
}

function finish(
  error: unknown,
  { output, command }: { output: Output; command: Command | undefined },
): number {
  if (!(error instanceof CommanderError)) return output.error(error);
  // Help and version were asked for, and printed; or help was shown for want of a subcommand.
  if (error.exitCode === 0) return EXIT.ok;
  if (error.code === "commander.help") return EXIT.usage;
  const [problem, suggestion] = error.message.replace(/^error: /, "").split("\n");
  const similar = meantBy(problem ?? "", command) ??
    /\((Did you mean .*)\)/.exec(suggestion ?? "")?.[1];
  const hint = similar === undefined ? "see rabbitmq-backup --help" : similar.replace(/^D/, "d");
  return output.error(usageError(`Cannot read the command line: ${problem}`, hint));
}

/** What is called otherwise here than one would guess, which no likeness of letters tells. */
function meantBy(problem: string, command: Command | undefined): string | undefined {
  const isQueue = /^unknown option '--queues?(=|')/.test(problem);
  const canInclude = command?.options.some(({ long }) => long === "--include");
  return isQueue && canInclude ? "did you mean --include?" : undefined;
}

/** Passwords as arguments are seen by every user of the machine. */
function refusePasswords(argv: readonly string[]): void {
  const word = argv.find((word) => /^--(management-)?password(=|$)/.test(word));
  if (word === undefined) return;
  const flag = word.split("=")[0];
  throw usageError(
    `Cannot take ${flag}: other users would see the password in the list of processes`,
    "set RABBITMQ_BACKUP_MANAGEMENT_PASSWORD or use --management-password-file",
  );
}

/** Commands whose JSON is a stream of lines, unless they only plan. */
const STREAMING = new Set(["backup", "restore", "finish", "messages"]);

function outputOptions(
  command: string,
  { flags, terminal }: { flags: Record<string, unknown>; terminal: Terminal },
): OutputOptions {
  const name = "progress-interval";
  const interval = flags.progressInterval ?? terminal.env(variableOf(name));
  const json = flags.json === true || flags.format === "json";
  const isStream = STREAMING.has(command) && flags.dryRun !== true;
  if (isStream && flags.format === "yaml") {
    throw usageError(
      `Cannot give the result of ${command} as YAML: it is told line by line, as it comes`,
      "use --json, whose lines docs/json-output.md describes",
    );
  }
  return {
    json,
    jsonLines: json && isStream,
    quiet: flags.quiet === true,
    verbosity: (flags.verbose as number | undefined) ?? 0,
    color: flags.color !== false,
    ...(interval === undefined ? {} : { progressInterval: parseInterval(String(interval)) }),
  };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { "": 1, ms: 0.001, s: 1, m: 60, h: 3600 };

/** Seconds in `30`, `30s`, `500ms`, `1m`, `1h`. */
function parseInterval(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim()) ?? [];
  const seconds = UNIT_SECONDS[unit ?? "?"];
  if (seconds !== undefined) return Number(number) * seconds;
  throw new AppError("usage", `Cannot read the time "${text}" of --progress-interval`, {
    hint: "write it like 30s, 500ms or 1m; 0 for none",
  });
}
