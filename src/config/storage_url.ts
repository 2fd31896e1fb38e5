import { AppError } from "../errors.ts";
import type { StorageConfig } from "./config.ts";
import { didYouMean } from "./nearest.ts";

/** Stores that have a URL form but no implementation yet, by scheme. */
const LATER: Readonly<Record<string, string>> = {
  s3: "s3",
  azure: "azure",
  gs: "gcs",
  gcs: "gcs",
};

/**
 * Reads the place of backups: a path, `file:///path`, or `memory://`.
 *
 * Throws an {@linkcode AppError} with code `config` for anything else that looks like a URL. Its
 * message repeats the scheme only, since storage URLs may carry keys.
 */
export function parseStorageLocation(text: string): StorageConfig {
  if (text.trim() === "") throw badLocation("it is empty");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):\/\/|^(file):/.exec(text);
  if (scheme === null) return { backend: "filesystem", path: text, prefix: "" };
  const name = (scheme[1] ?? scheme[2]!).toLowerCase();
  if (name === "file") return { backend: "filesystem", path: filePath(text), prefix: "" };
  if (name === "memory") return { backend: "memory", prefix: "" };
  if (LATER[name] !== undefined) throw notAvailable(LATER[name]);
  const known = ["file", "memory", ...Object.keys(LATER)];
  throw badLocation(`"${name}://" is not a known kind of storage${didYouMean(name, known)}`);
}

/** The error for a store that is planned and not built. */
export function notAvailable(backend: string): AppError {
  return new AppError("config", `Cannot use ${backend} storage: not available in this version`, {
    hint: "use a folder: a path or file:///path",
  });
}

function filePath(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw badLocation("it is not a valid file URL");
  }
  if (url.hostname !== "" && url.hostname !== "localhost" || !/^file:\//i.test(text)) {
    throw badLocation(
      "a file URL has three slashes before an absolute path, as in file:///backups",
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw badLocation("a file URL has no '?' or '#'; write them as %3F and %23");
  }
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    throw badLocation("a '%' in it is not followed by two hexadecimal digits");
  }
}

function badLocation(problem: string): AppError {
  return new AppError("config", `Cannot read the storage location: ${problem}`, {
    hint: "use a path, file:///path, or memory://",
  });
}
