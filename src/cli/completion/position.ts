/** Where on a command line the cursor is, and what may stand there; from the command definitions. */
import type { Command, Option } from "commander";

/** A word that may stand at the cursor. */
export interface Candidate {
  readonly value: string;
  /** What it is, in one line. */
  readonly help: string;
}

/** What may stand at the cursor. */
export type Wanted =
  | { readonly kind: "words"; readonly words: readonly Candidate[] }
  /** The value of a flag. */
  | { readonly kind: "value"; readonly option: Option; readonly prefix: string };

/** A position on the command line. */
export interface Position {
  readonly command: Command;
  /** Values of flags that stand before it, by commander's keys. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The part of a word that is there already. */
  readonly partial: string;
  readonly wanted: Wanted;
}

/** Finds the position behind `words`, without the program's name; the last may be a part of one. */
export function positionOf(program: Command, words: readonly string[]): Position {
  let command = program;
  const flags: Record<string, unknown> = {};
  const partial = words.at(-1) ?? "";
  let open: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (open !== undefined) {
      note(flags, open, word);
      open = undefined;
      continue;
    }
    const [name, value] = splitFlag(word);
    const option = optionOf(command, name);
    if (option === undefined) command = subcommand(command, word) ?? command;
    else if (option.required && value === undefined) open = option;
    else note(flags, option, value ?? true);
  }
  return { command, flags, partial, wanted: wantedAt(command, { open, partial }) };
}

function wantedAt(
  command: Command,
  { open, partial }: { open: Option | undefined; partial: string },
): Wanted {
  if (open !== undefined) return { kind: "value", option: open, prefix: "" };
  const [name, value] = splitFlag(partial);
  const option = optionOf(command, name);
  if (value !== undefined && option?.required) {
    return { kind: "value", option, prefix: `${name}=` };
  }
  const words = partial.startsWith("-")
    ? optionsOf(command).flatMap(({ long, description }) =>
      long == null ? [] : [{ value: long, help: description }]
    )
    : commandWords(command);
  return { kind: "words", words: words.filter(({ value }) => value.startsWith(partial)) };
}

/** Subcommands, or the values of an argument that has only some. */
function commandWords(command: Command): Candidate[] {
  const commands = command.createHelp().visibleCommands(command)
    .map((one) => ({ value: one.name(), help: one.summary() }));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return [...commands, ...choices.map((value) => ({ value, help: "" }))];
}

/** `--flag=value` in two. */
function splitFlag(word: string): [name: string, value?: string] {
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  return name === undefined ? [word] : [name, value!];
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => long === name || short === name);
}

function optionsOf(command: Command): readonly Option[] {
  const help = command.createHelp();
  const up = command.parent === null ? [] : optionsOf(command.parent);
  return [...help.visibleOptions(command), ...up];
}

function subcommand(command: Command, name: string): Command | undefined {
  return command.commands.find((one) => one.name() === name || one.aliases().includes(name));
}

function note(flags: Record<string, unknown>, option: Option, value: unknown): void {
  flags[option.attributeName()] = option.negate ? false : value;
}
