import { dirname, join } from "node:path";
import { reasonOf } from "../../errors.ts";

/** What the names of files and objects begin with that are written to see whether it works. */
export const PROBE_PREFIX = "rabbitmq-backup-doctor-";

/** Why nothing can be written into a folder, which is made when it is not there; undefined: it can. */
export async function writeProblem(folder: string): Promise<string | undefined> {
  const path = join(folder, `${PROBE_PREFIX}${crypto.randomUUID()}`);
  try {
    await Deno.writeTextFile(path, "", { createNew: true, mode: 0o600 });
    await Deno.remove(path);
    return undefined;
  } catch (error) {
    const parent = dirname(folder);
    if (error instanceof Deno.errors.NotFound && parent !== folder) return writeProblem(parent);
    return reasonOf(error);
  }
}
