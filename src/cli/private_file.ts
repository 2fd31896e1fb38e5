import { AppError, messageOf } from "../errors.ts";

/** Writes a file that only its owner can read, whole or not at all; replaces one that exists. */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new AppError("failed", `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}
