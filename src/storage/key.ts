import { Buffer } from "node:buffer";

/** Longest key in bytes; S3 stores no longer one. */
const MAX_KEY_BYTES = 1024;

/** Longest component of a key in bytes; the limit of common file systems. */
const MAX_COMPONENT_BYTES = 255;

/** Start of the names of unfinished files; no key may hold a component that starts so. */
export const TEMPORARY_PREFIX = ".tmp-";

/** No control characters; a backslash separates on Windows. */
// deno-lint-ignore no-control-regex
const COMPONENT = /^[^\x00-\x1f\x7f-\x9f\\/]+$/;

/** Whether `name` may be one component of a key. */
export function isComponent(name: string): boolean {
  return byteLength(name) <= MAX_COMPONENT_BYTES && name !== "." && name !== ".." &&
    COMPONENT.test(name) && name.isWellFormed() && !name.startsWith(TEMPORARY_PREFIX);
}

/**
 * Refuses keys outside the contract of `Storage`: relative, `/`-separated text without control
 * characters, no `.` or `..` component, no backslash, at most 1024 bytes of UTF-8 and 255 a component.
 *
 * @throws RangeError
 */
export function checkKey(key: string): void {
  const length = byteLength(key);
  if (length > MAX_KEY_BYTES) {
    throw new RangeError(`Cannot use a key of ${length} bytes: at most ${MAX_KEY_BYTES}`);
  }
  for (const component of key.split("/")) {
    if (isComponent(component)) continue;
    throw new RangeError(
      `Cannot use the key ${JSON.stringify(key)}: ${
        JSON.stringify(component)
      } is no valid component`,
    );
  }
}

/**
 * Refuses a string that no key can start with.
 *
 * @throws RangeError
 */
export function checkPrefix(prefix: string): void {
  const slash = prefix.lastIndexOf("/");
  if (slash >= 0) checkKey(prefix.slice(0, slash));
  const rest = prefix.slice(slash + 1);
  // "." and ".." are no components, but what starts with them may be one.
  if (rest !== "" && !isComponent(`${rest}x`)) checkKey(rest);
}

/**
 * Refuses what is no folder name: a key, or "" for the root.
 *
 * @throws RangeError
 */
export function checkFolder(folder: string): void {
  if (folder !== "") checkKey(folder);
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, "utf8");
}
