import { AppError, isOutOfReach, messageOf, OUT_OF_REACH_HINT } from "../errors.ts";

/** More than any sensible configuration. */
const MAX_BYTES = 1 << 20;

/** A configuration file's text, and who may read it. */
export interface ConfigText {
  readonly text: string;
  /** Permission bits; absent where the system has none. */
  readonly mode?: number;
}

/** Reads a configuration file; an {@linkcode AppError} with code `config` says why it cannot be. */
export async function readConfigFile(path: string): Promise<ConfigText> {
  const problem = (what: string, hint?: string) =>
    new AppError("config", `Cannot read the configuration ${path}: ${what}`, hint ? { hint } : {});
  let bytes: Uint8Array;
  let mode: number | undefined;
  try {
    const stat = await Deno.stat(path);
    if (stat.isDirectory) {
      throw problem("it is a folder", `name the file, as in ${path}/backup.yaml`);
    }
    if (stat.size > MAX_BYTES) throw problem("it is larger than 1 MiB");
    bytes = await Deno.readFile(path);
    // The mode of a pipe, as in --config <(command), says nothing about its content.
    mode = stat.isFile ? stat.mode ?? undefined : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw problem("no such file", "check the path given with --config");
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw problem("permission denied", "run as a user who may read it");
    }
    if (isOutOfReach(error)) throw problem(messageOf(error), OUT_OF_REACH_HINT);
    throw error instanceof AppError ? error : problem(messageOf(error));
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return mode === undefined ? { text } : { text, mode: mode & 0o777 };
  } catch {
    throw problem("it is not UTF-8 text", "save it with the encoding UTF-8");
  }
}
