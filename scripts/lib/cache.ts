import { join } from "node:path";

/** The folder that keeps what is slow to set up: Deno, Debian roots, Python packages. */
export function cacheDir(): string {
  const named = Deno.env.get("RABBITMQ_BACKUP_DEV_CACHE");
  if (named) return named;
  const home = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
  return join(home, "rabbitmq-backup-dev");
}

/** Runs `work` while no other process runs work under the same lock name. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  await Deno.mkdir(cacheDir(), { recursive: true });
  using file = await Deno.open(join(cacheDir(), `${name}.lock`), { create: true, write: true });
  await file.lock(true); // ends with the process, so a crash leaves no stale lock
  return await work();
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
