import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../errors.ts";
import { systemCode, unless } from "./filesystem_error.ts";
import { isComponent } from "./key.ts";
import type { StoredObject } from "./storage.ts";

/** A file or directory whose name can be part of a key. */
interface Entry {
  readonly name: string;
  readonly directory: boolean;
  /** What its keys sort by: "a.b" comes before "a/b". */
  readonly order: string;
}

/**
 * All objects below `root` whose key starts with `prefix`, in byte order of keys. Holds one
 * directory's names a level, not the whole tree.
 *
 * Passed over: unfinished files, what is neither file nor directory, and names that are no part of
 * any key. A symbolic link on the way is an error: a backup behind it would be missed in silence.
 *
 * @throws the system's errors; `ENOENT` when `root` is missing
 */
export async function* walk(root: string, prefix: string): AsyncGenerator<StoredObject> {
  const slash = prefix.lastIndexOf("/");
  const folder = slash < 0 ? "" : prefix.slice(0, slash);
  await lstat(root);
  if (folder !== "" && !(await isPlainDirectory(root, folder))) return;
  yield* walkFolder(root, folder, prefix.slice(slash + 1));
}

/** The names of the folders directly below `folder` that hold at least one object. */
export async function* walkFolders(root: string, folder: string): AsyncGenerator<string> {
  await lstat(root);
  if (folder !== "" && !(await isPlainDirectory(root, folder))) return;
  const entries = await readEntries(root, folder, "");
  const directories = entries.filter((entry) => entry.directory).map((entry) => entry.name);
  for (const name of directories.sort()) {
    const below = folder === "" ? name : `${folder}/${name}`;
    const first = await walkFolder(root, below, "").next();
    if (!first.done) yield name;
  }
}

/**
 * Whether every component of `folder` is a directory, none of them a symbolic link. The root itself
 * may be one: it is what the operator named.
 *
 * @throws AppError `storage_denied` at a symbolic link
 */
export async function isPlainDirectory(root: string, folder: string): Promise<boolean> {
  let path = root;
  for (const component of folder.split("/")) {
    path = join(path, component);
    const info = await unless(["ENOENT", "ENOTDIR"], () => lstat(path));
    if (info === undefined) return false;
    if (info.isSymbolicLink()) throw symbolicLink(path);
    if (!info.isDirectory()) return false;
  }
  return true;
}

async function* walkFolder(
  root: string,
  folder: string,
  start: string,
): AsyncGenerator<StoredObject> {
  for (const entry of await readEntries(root, folder, start)) {
    const key = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.directory) {
      yield* walkFolder(root, key, "");
      continue;
    }
    // Deleted since the directory was read: passed over.
    const info = await unless(["ENOENT"], () => lstat(join(root, key)));
    if (info?.isFile()) yield { key, size: info.size, modifiedAt: Math.round(info.mtimeMs) };
  }
}

async function readEntries(root: string, folder: string, start: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  const path = join(root, folder);
  let found;
  try {
    found = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (folder !== "" && systemCode(error) === "ENOENT") return [];
    throw error;
  }
  for (const item of found) {
    if (!item.name.startsWith(start) || !isComponent(item.name)) continue;
    if (item.isSymbolicLink()) throw symbolicLink(join(path, item.name));
    if (!item.isDirectory() && !item.isFile()) continue;
    const directory = item.isDirectory();
    entries.push({ name: item.name, directory, order: directory ? `${item.name}/` : item.name });
  }
  return entries.sort((a, b) => a.order < b.order ? -1 : a.order > b.order ? 1 : 0);
}

function symbolicLink(path: string): AppError {
  return new AppError("storage_denied", `Cannot use ${path}: it is a symbolic link`, {
    hint: "Links below the storage path are not followed; use the directory they lead to as path",
  });
}
