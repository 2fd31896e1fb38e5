import { AppError } from "../errors.ts";

/** Keys from the root of the configuration to a value; list items by number. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong with a configuration. Never holds a value of it, which may be secret. */
export interface Problem {
  /** `file:line:column`, a flag, or the name of a variable. */
  readonly where: string;
  /** What is the case and the way out, in one line. */
  readonly text: string;
}

/** Something that works and is not as it should be. */
export interface ConfigWarning {
  readonly message: string;
  readonly hint?: string;
}

/** `source.queues.include[0]`. */
export function pathText(path: ConfigPath): string {
  return path.map((part) => typeof part === "number" ? `[${part}]` : `.${part}`).join("")
    .replace(/^\./, "");
}

/** One error for all problems, code `config`. */
export function configError(problems: readonly Problem[]): AppError {
  const lines = problems.map(({ where, text }) => `${where}: ${text}`);
  const what = "Cannot use the configuration: ";
  const message = lines.length === 1
    ? what + lines[0]
    : `${what}${lines.length} problems\n${lines.map((line) => `  ${line}`).join("\n")}`;
  return new AppError("config", message, {
    hint: "all keys are explained in docs/configuration.md; " +
      '"rabbitmq-backup config schema" gives editors completion',
  });
}
