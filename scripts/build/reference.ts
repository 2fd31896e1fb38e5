/** `docs/commands.md` and the man page, from the command definitions: `deno task docs`. */
import type { Command, Option } from "commander";
import { fileURLToPath } from "node:url";
import { examplesOf } from "../../src/cli/command.ts";
import { EXIT_CODES } from "../../src/console/exit_code.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { processTerminal } from "../../src/cli/terminal.ts";
import { VERSION } from "../../src/version.ts";

/** A page that is made of the definitions. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

/** All generated pages as they should be. */
export async function referencePages(): Promise<Page[]> {
  const program = buildProgram(() => () => Promise.resolve(), processTerminal());
  return [
    { path: `${DOCS}commands.md`, text: await formatted(markdown(program)) },
    { path: `${DOCS}rabbitmq-backup.1`, text: manPage(program) },
  ];
}

/** All commands below `command`, with what stands before their names. */
function commandsOf(command: Command): Command[] {
  return command.createHelp().visibleCommands(command)
    .flatMap((one) => [one, ...commandsOf(one)]);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** Flags under their headings. */
function optionGroups(command: Command): Map<string, Option[]> {
  const groups = new Map<string, Option[]>();
  for (const option of command.createHelp().visibleOptions(command)) {
    if (option.long === "--help" && command.parent !== null) continue;
    const heading = (option.helpGroupHeading ?? "Options:").replace(/:$/, "");
    groups.set(heading, [...groups.get(heading) ?? [], option]);
  }
  return groups;
}

function describe({ description, argChoices }: Option): string {
  const choices = argChoices?.filter((choice) => !description.includes(choice)) ?? [];
  return choices.length === 0 ? description : `${description} (${argChoices!.join(", ")})`;
}

function markdown(program: Command): string {
  const section = (command: Command, level: string) => [
    `${level} ${fullName(command).replace(/^rabbitmq-backup /, "")}`,
    "",
    "```\n" + `${fullName(command)} ${command.usage()}` + "\n```",
    "",
    command.description(),
    "",
    ...[...optionGroups(command)].flatMap(([heading, options]) => [
      `**${heading}**`,
      "",
      "| flag | |",
      "| --- | --- |",
      ...options.map((option) => `| \`${option.flags}\` | ${cell(describe(option))} |`),
      "",
    ]),
    ...exampleBlock(command),
  ];
  return [
    "# Commands",
    "",
    "<!-- Made from the command definitions by `deno task docs`; changes go there. -->",
    "",
    "As `rabbitmq-backup help COMMAND` shows them. Every flag that sets something is an environment " +
    "variable as well: `--amqp-url` is `RABBITMQ_BACKUP_AMQP_URL`. These flags go with all commands:",
    "",
    "| flag | |",
    "| --- | --- |",
    ...program.createHelp().visibleOptions(program)
      .map((option) => `| \`${option.flags}\` | ${cell(describe(option))} |`),
    "",
    ...commandsOf(program).flatMap((command) => section(command, "##")),
  ].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("<", "&lt;");
}

function exampleBlock(command: Command): string[] {
  const lines = examplesOf(command).map(([purpose, line]) =>
    `# ${purpose}\n${line.replaceAll("\n  ", "\n")}`
  );
  return lines.length === 0 ? [] : ["```sh", lines.join("\n"), "```", ""];
}

async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "-"],
    cwd: DOCS,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("Cannot format docs/commands.md: see above");
  return new TextDecoder().decode(stdout);
}

/** In the macros of man(7). */
function manPage(program: Command): string {
  const options = (command: Command) =>
    [...optionGroups(command)].flatMap(([heading, all]) => [
      ...heading === "Options" ? [] : [".PP", roff(`${heading}:`)],
      ...all.flatMap((option) => [".TP", `.B ${roff(option.flags)}`, roff(describe(option))]),
    ]);
  const paragraphs = (text: string) => text.split("\n\n").flatMap((part) => [".PP", roff(part)]);
  return [
    `.\\" Made from the command definitions by deno task docs; changes go there.`,
    `.TH RABBITMQ\\-BACKUP 1 "" "rabbitmq\\-backup ${VERSION}" "User Commands"`,
    ".SH NAME",
    "rabbitmq\\-backup \\- back up and restore the messages and definitions of a running RabbitMQ",
    ".SH SYNOPSIS",
    ".B rabbitmq\\-backup",
    ".I command",
    ".RI [ flags ]",
    ".SH DESCRIPTION",
    roff(program.description()),
    ".SH OPTIONS",
    "These go with all commands.",
    ...options(program),
    ".SH COMMANDS",
    ...commandsOf(program).flatMap((command) => [
      `.SS ${roff(`${fullName(command)} ${command.usage()}`)}`,
      ...paragraphs(command.description()).slice(1),
      ...options(command),
      ...examplesOf(command).flatMap(([purpose, line]) => [
        ".PP",
        roff(`${purpose}:`),
        ".PP",
        ".nf",
        roff(line.replaceAll("\n  ", "\n")),
        ".fi",
      ]),
    ]),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(({ code, meaning }) => [".TP", `.B ${code}`, roff(meaning)]),
    ".SH ENVIRONMENT",
    "Every flag that sets something is a variable as well:",
    ".B RABBITMQ_BACKUP_AMQP_URL",
    roff("is --amqp-url. A flag wins over a variable, a variable over the file."),
    ".TP",
    ".B RABBITMQ_BACKUP_CACHE",
    "Where the self\\-extracting executable unpacks itself: a private folder in which programs may run.",
    ".TP",
    ".B NO_COLOR",
    "No colours.",
    ".SH FILES",
    ".TP",
    ".I ~/.local/state/rabbitmq\\-backup",
    "Progress file and spool; below",
    ".B XDG_STATE_HOME",
    "where that is set.",
    "",
  ].join("\n");
}

/** Text in which nothing is taken for a command. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll(/^([.'])/gm, "\\&$1");
}

if (import.meta.main) {
  for (const { path, text } of await referencePages()) await Deno.writeTextFile(path, text);
}
