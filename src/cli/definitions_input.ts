import type { DefinitionsChoice } from "../config/config.ts";
import { AppError, messageOf } from "../errors.ts";

/** What is wanted of definitions: by the configuration, and by `--without-users`. */
export function choiceOf<T extends DefinitionsChoice>(
  options: T,
  flags: Readonly<Record<string, unknown>>,
): T {
  if (flags.withoutUsers !== true) return options;
  const { definitions_transformations: others } = options;
  return {
    ...options,
    definitions_transformations: [...others, "exclude_users", "exclude_permissions"],
  };
}

/** The text of a file of definitions, perhaps packed with zstd; `-` is standard input. */
export async function readDefinitionsFile(path: string): Promise<string> {
  const { definitionsTextOf } = await import("../engine/stored/definitions.ts");
  return await definitionsTextOf(await readBytes(path), path === "-" ? "standard input" : path);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    if (path === "-") return await new Response(Deno.stdin.readable).bytes();
    return await Deno.readFile(path);
  } catch (error) {
    throw new AppError("usage", `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
