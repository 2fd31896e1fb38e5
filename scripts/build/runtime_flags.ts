import { permissionFlags } from "./permissions.ts";

/**
 * V8's memory for new objects, in MiB of each half. Its default is 16, which fills with garbage before
 * it is collected: a backup took 10 MB more, many uploads at once 20 MB, and no less time.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4";

/** What both kinds of builds run the program with; flags of `deno run` and `deno compile`. */
export function runtimeFlags(): string[] {
  return [...permissionFlags(), V8_FLAGS];
}
