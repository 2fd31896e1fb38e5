import { isAbsolute, join } from "node:path";
import type { Config } from "../config/config.ts";
import { relativePaths } from "../config/storage.ts";

/** What {@linkcode resumeCommand} puts around the arguments. */
export interface ResumeParts {
  /** The program as a shell starts it from any folder. */
  readonly invocation: string;
  readonly backupId: string;
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Whether the command has to start in that folder: paths beside the arguments are relative. */
  readonly needsFolder?: boolean;
}

/** Short flags that take a value, by their long names. */
const LONG: Readonly<Record<string, string>> = {
  "-b": "--backup-id",
  "-c": "--config",
  "-p": "--path",
};

/** Flags that are meant for one call. */
const ONCE = new Set(["--break-lock"]);

/** Flags whose value is a file or folder. */
const PATHS = new Set([
  "--config",
  "--path",
  "--amqp-url-file",
  "--management-password-file",
  "--tls-ca-cert",
  "--tls-client-cert",
  "--tls-client-key",
  "--spool-dir",
  "--db-path",
]);

/**
 * The command line that does the same again under a literal id, in whatever folder it is pasted,
 * quoted for sh. A URL with a password is replaced by the variable that can hold it.
 */
export function resumeCommand(argv: readonly string[], parts: ResumeParts): string {
  const words: string[] = [];
  const rest = argv.flatMap(splitWord);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const flag = LONG[word] ?? word;
    if (flag === "--backup-id") rest.shift();
    else if (ONCE.has(flag)) continue;
    else if (flag === "--amqp-url") words.push(word, urlWord(rest.shift() ?? ""));
    else if (PATHS.has(flag)) words.push(word, shellWord(absolute(rest.shift() ?? "", parts)));
    else words.push(shellWord(word));
  }
  const cd = parts.needsFolder ? ["cd", shellWord(parts.folder), "&&"] : [];
  return [...cd, parts.invocation, ...words, "--backup-id", shellWord(parts.backupId)].join(" ");
}

/** A word as sh reads it, quoted where it has to be. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Flags apart from their values and from each other: `-qc x` and `--config=x` in other words. */
function splitWord(word: string): string[] {
  const [, switches, more] = /^-([qvy]+)([bcp].*)$/s.exec(word) ?? [];
  if (switches !== undefined) return [`-${switches}`, ...splitWord(`-${more}`)];
  const short = word.slice(0, 2);
  if (LONG[short] !== undefined && word.length > 2) return [short, word.slice(2)];
  const equals = word.indexOf("=");
  const flag = word.slice(0, equals);
  const takesPart = PATHS.has(flag) || flag === "--backup-id" || flag === "--amqp-url";
  return equals > 0 && takesPart ? [flag, word.slice(equals + 1)] : [word];
}

/** The value of a flag so that it means the same in every folder. */
export function wholePath(flag: string, value: string, folder: string): string {
  return PATHS.has(flag) ? absolute(value, { folder }) : value;
}

/**
 * Whether a path in force depends on the folder in which the program runs. `others` are paths beside
 * the configuration, `given` those that stand whole in the command line.
 */
export function hasRelativePaths(
  config: Config,
  { others = [], given = [] }: {
    others?: readonly (string | undefined)[];
    given?: readonly unknown[];
  } = {},
): boolean {
  const { source, target, storage, backup, offset_storage } = config;
  const certificates = [source, target].flatMap((endpoint) => {
    const { ca_cert, client_cert, client_key } = endpoint?.tls ?? {};
    return [ca_cert, client_cert, client_key];
  });
  const paths = [
    ...others,
    ...(storage === undefined ? [] : relativePaths(storage)),
    backup.spool_dir,
    offset_storage.db_path,
    ...certificates,
  ];
  return paths.some((path) => path !== undefined && !isAbsolute(path) && !given.includes(path));
}

/** URLs of storages, and paths below `~`, mean the same everywhere. */
function absolute(path: string, { folder }: Pick<ResumeParts, "folder">): string {
  const isFixed = isAbsolute(path) || path.startsWith("~/") || /^[a-z][a-z0-9+.-]*:/i.test(path);
  return isFixed || path === "" ? path : join(folder, path);
}

function urlWord(url: string): string {
  return /:\/\/[^/@]*:[^@]*@/.test(url) ? '"$RABBITMQ_BACKUP_AMQP_URL"' : shellWord(url);
}
