import { AppError, messageOf } from "../errors.ts";

/**
 * Writes a file that only its owner can read, whole or not at all; replaces one that exists. Into a
 * device or pipe (`/dev/null`, `/dev/stdout`) it is just written.
 */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  if (await isDevice(path)) return await Deno.writeTextFile(path, text);
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new AppError("failed", `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function isDevice(path: string): Promise<boolean> {
  try {
    const { isFile, isDirectory } = await Deno.stat(path);
    return !isFile && !isDirectory;
  } catch {
    return false;
  }
}
