import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** The part of a disk that messages may take: others write there, too. */
const SHARE = 0.9;

/** Bytes that messages may take in the spool, by what is free and what was asked for. */
export async function spoolRoom(
  { spool_dir, spool_max_bytes = Infinity }: {
    spool_dir: string;
    spool_max_bytes?: number | undefined;
  },
): Promise<number> {
  return Math.min(spool_max_bytes, await freeBytes(spool_dir) * SHARE);
}

/** Of the disk that holds the folder, or will; unlimited where the system does not tell. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(folder);
    const isMissing = (error as { code?: string }).code === "ENOENT";
    return isMissing && parent !== folder ? await freeBytes(parent) : Infinity;
  }
}
