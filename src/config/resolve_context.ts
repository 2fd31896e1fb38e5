import { AppError } from "../errors.ts";
import type { Environment } from "./interpolate.ts";
import { type ConfigPath, pathText } from "./problem.ts";

/** What resolving needs to know and to tell. */
export interface ResolveContext {
  readonly env: Environment;
  /** Takes a problem; several may come before the end. */
  report(path: ConfigPath, text: string): void;
}

/** A path in which a leading `~/` has become the home folder, as a shell would have made it. */
export function expandHome(path: string, env: Environment): string {
  const home = env("HOME") ?? env("USERPROFILE");
  return path.startsWith("~/") && home ? home + path.slice(1) : path;
}

/** Runs a step whose {@linkcode AppError} is a problem of the value at `path`. */
export function attempt<T>(path: ConfigPath, context: ResolveContext, step: () => T) {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    context.report(path, `${pathText(path)}: ${error.message}${hint}`);
    return undefined;
  }
}
