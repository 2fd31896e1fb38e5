import { AppError, reasonOf } from "../errors.ts";

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
    throw notWritten(path, error);
  }
}

/** Why a file that the person has named cannot be written, and what to do. */
export function notWritten(path: string, error: unknown): AppError {
  const elsewhere = "name a file in a folder where you may write, or - for stdout";
  const explained: Readonly<Record<string, readonly [what: string, hint: string]>> = {
    ENOENT: ["there is no such folder", "make the folder first, or name a file elsewhere"],
    ENOTDIR: ["a file stands where the folder should be", elsewhere],
    EACCES: ["permission denied", elsewhere],
    EPERM: ["permission denied", elsewhere],
    EROFS: ["the file system is read-only", elsewhere],
  };
  const code = String((error as { code?: unknown } | null)?.code);
  const [what, hint] = explained[code] ?? [reasonOf(error), elsewhere];
  return new AppError("failed", `Cannot write ${path}: ${what}`, { cause: error, hint });
}

async function isDevice(path: string): Promise<boolean> {
  try {
    const { isFile, isDirectory } = await Deno.stat(path);
    return !isFile && !isDirectory;
  } catch {
    return false;
  }
}
