import { statfs } from "node:fs/promises";
import { AppError, isOutOfReach, messageOf, OUT_OF_REACH_HINT } from "../errors.ts";

/** The system's name of an error (`ENOENT`), if it is one of the system's. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const { code } = error;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Runs `work`; the given system errors give `undefined` in place of a result. */
export async function unless<T>(codes: string[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (codes.includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/**
 * What a system error means to the operator; anything else comes back as it is.
 *
 * @param action "store \"a/b\" in /backups", for "Cannot <action>: ..."
 * @param root the storage's directory, to tell how much room it has
 */
export async function explainSystemError(
  error: unknown,
  action: string,
  root: string,
): Promise<unknown> {
  const cannot = `Cannot ${action}`;
  if (isOutOfReach(error)) {
    return new AppError("storage_denied", `${cannot}: ${messageOf(error)}`, {
      hint: OUT_OF_REACH_HINT,
      cause: error,
    });
  }
  const code = systemCode(error);
  if (code === undefined || error instanceof AppError) return error;
  switch (code) {
    case "ENOSPC":
      return new AppError("storage_full", `${cannot}: the disk is full${await freeBytes(root)}`, {
        hint: "Free some space or use another path; then run the same command again, it goes on",
        cause: error,
      });
    case "EDQUOT":
      return new AppError(
        "storage_full",
        `${cannot}: the disk quota is used up${await freeBytes(root)}`,
        { hint: "Raise the quota or use another path", cause: error },
      );
    case "EFBIG":
      return new AppError("storage_full", `${cannot}: the file grew larger than is allowed here`, {
        hint: "Lower backup.segment_max_bytes, or raise the limit (ulimit -f)",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new AppError("storage_denied", `${cannot}: permission denied`, {
        hint: `Give the user who runs this read and write access to ${root} and what is in it`,
        cause: error,
      });
    case "EROFS":
      return new AppError("storage_denied", `${cannot}: the file system is read-only`, {
        hint: "Mount it writable, or use another path",
        cause: error,
      });
    case "ELOOP":
      return new AppError("storage_denied", `${cannot}: there is a symbolic link on the way`, {
        hint:
          "Links below the storage path are not followed; use the directory they lead to as path",
        cause: error,
      });
    case "ENOTDIR":
    case "EISDIR":
    case "ENOTEMPTY":
      return new AppError(
        "storage_denied",
        `${cannot}: a file stands where a directory belongs, or the other way round`,
        { hint: `Look into ${root} for what does not belong there`, cause: error },
      );
    case "EMFILE":
    case "ENFILE":
      return new AppError("failed", `${cannot}: too many open files`, {
        hint: "Raise the limit (ulimit -n), or lower backup.max_concurrent_queues",
        cause: error,
      });
    default:
      return new AppError("storage_unreachable", `${cannot}: ${messageOf(error)}`, {
        hint: `See whether ${root} is mounted and its disk is well`,
        cause: error,
      });
  }
}

/** The error of a root that is not there, for what only reads. */
export function rootMissing(action: string, root: string): AppError {
  return new AppError("storage_missing", `Cannot ${action}: no such directory`, {
    hint: `See whether the path is right and mounted; a backup creates ${root}`,
  });
}

async function freeBytes(root: string): Promise<string> {
  try {
    const { bavail, bsize, ffree, files } = await statfs(root);
    if (files > 0 && ffree === 0) return " (no inodes left)";
    return ` (${bavail * bsize} bytes free in ${root})`;
  } catch {
    return "";
  }
}
