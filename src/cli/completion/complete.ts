/** The words that complete a command line, for the scripts of `completions`. */
import type { Command } from "commander";
import type { Environment } from "../../config/interpolate.ts";
import { choicesFor } from "./choices.ts";
import { namesFor } from "./names.ts";
import { type Candidate, type Position, positionOf } from "./position.ts";

/** Longer than that nobody waits for a Tab. */
const WITHIN_MS = 1500;

/** That the shell's own completion of files is wanted. */
export const FILES = ":files";

/** A name that would be more than one line on a terminal, or act on it, is not offered. */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** One line each: value, tab, help. Nothing when it is not known, or not soon enough. */
export async function complete(
  program: Command,
  { words, env }: { words: readonly string[]; env: Environment },
): Promise<string[]> {
  const position = positionOf(program, words);
  const { wanted } = position;
  if (wanted.kind === "words") return wanted.words.map(line);
  const { option, prefix } = wanted;
  const partial = position.partial.slice(prefix.length);
  const flag = option.long ?? "";
  const values = option.argChoices ?? await choicesFor(flag) ??
    await namesInTime(flag, { position, env });
  if (values === undefined) return /<(file|folder|location)>/.test(option.flags) ? [FILES] : [];
  return values
    .filter((value) => value.startsWith(partial) && !HARMFUL.test(value))
    .map((value) => line({ value: prefix + value, help: "" }));
}

/** Fails in silence: a Tab is no place for an error. */
async function namesInTime(
  flag: string,
  { position, env }: { position: Position; env: Environment },
): Promise<string[] | undefined> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const tooLate = new Promise<[]>((resolve) => {
    signal.addEventListener("abort", () => resolve([]), { once: true });
  });
  const { command, flags } = position;
  const names = namesFor(flag, { command: command.name(), flags, env, signal }).catch(() => []);
  return await Promise.race([names, tooLate]);
}

function line({ value, help }: Candidate): string {
  return help === "" ? value : `${value}\t${help}`;
}
