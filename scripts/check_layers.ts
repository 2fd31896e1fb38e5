/**
 * Checks that imports between the rooms of `src/`, `tui/` and `main.ts` point one way, and fails
 * with each that does not. Unit tests (`*_test.ts`) may import what they need.
 */
import { dirname, join, relative } from "node:path";
import { print } from "./lib/output.ts";

/** Rooms from the top down; a room may import those of any level below its own. */
const LEVELS: readonly (readonly string[])[] = [
  ["main"],
  ["cli", "tui"],
  ["console"],
  ["engine"],
  ["safety", "broker", "archive", "storage", "checkpoint", "definitions", "metrics"],
  ["config", "message"],
  ["shared"], // src/*.ts: errors, version
];
/** From this level down, rooms of one level may know each other's types, and nothing else. */
const TYPES_BETWEEN_ROOMS_FROM = 4;

export interface Import {
  readonly specifier: string;
  /** Whether it vanishes when types are stripped. */
  readonly typeOnly: boolean;
}

const STATIC =
  /^[ \t]*(?:import|export)\s+(type\s+)?((?:\*|\{|[A-Za-z_$])[^;"'`()=]*?)\s*from\s*["']([^"']+)["']/gm;
const SIDE_EFFECT = /^[ \t]*import\s*["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']/g;
const WORKER = /\bnew URL\(\s*["']([^"']+)["'],\s*import\.meta\.url/g;

/** The imports of a TypeScript source, in the shapes that `deno fmt` leaves. */
export function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^[ \t]*\/\/.*$/gm, "");
  const found: Import[] = [];
  for (const [, type, clause = "", specifier = ""] of code.matchAll(STATIC)) {
    found.push({ specifier, typeOnly: type !== undefined || onlyTypes(clause) });
  }
  for (const pattern of [SIDE_EFFECT, DYNAMIC, WORKER]) {
    for (const [, specifier = ""] of code.matchAll(pattern)) {
      found.push({ specifier, typeOnly: false });
    }
  }
  return found;
}

/** Whether a clause is `{ type A, type B }`. */
function onlyTypes(clause: string): boolean {
  const names = /^\{([\s\S]*)\}$/.exec(clause.trim())?.[1];
  if (names === undefined) return false;
  const parts = names.split(",").map((name) => name.trim()).filter((name) => name !== "");
  return parts.length > 0 && parts.every((name) => name.startsWith("type "));
}

/** The room of a file, by its path from the root of the checkout; undefined outside all rooms. */
export function roomOf(path: string): string | undefined {
  if (path === "main.ts") return "main";
  const [top, room, ...rest] = path.split("/");
  if (top === "tui") return "tui";
  if (top !== "src" || room === undefined) return undefined;
  return rest.length === 0 ? "shared" : room;
}

/** Why a file may not have this import; undefined when it may. `path` is from the checkout's root. */
export function violation(path: string, one: Import): string | undefined {
  if (!one.specifier.startsWith(".")) return undefined; // a package
  const from = roomOf(path);
  const target = join(dirname(path), one.specifier);
  const to = roomOf(target);
  const fromLevel = levelOf(from);
  const toLevel = levelOf(to);
  if (fromLevel < 0) return `${path}: the room '${from}' is not in scripts/check_layers.ts`;
  if (to === undefined) return `${path} imports ${target}, which is not part of the program`;
  if (toLevel < 0) return `${path} imports ${target}: that room is not in scripts/check_layers.ts`;
  if (from === to || fromLevel < toLevel) return undefined;
  if (fromLevel > toLevel) return `${path} imports ${target}: ${from} is below ${to}`;
  if (fromLevel < TYPES_BETWEEN_ROOMS_FROM) {
    return `${path} imports ${target}: ${from} and ${to} stand side by side`;
  }
  return one.typeOnly
    ? undefined
    : `${path} imports ${target}: ${from} may know types of ${to}, and nothing else`;
}

function levelOf(room: string | undefined): number {
  return LEVELS.findIndex((rooms) => room !== undefined && rooms.includes(room));
}

async function* sourcesIn(dir: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) yield* sourcesIn(path);
    else if (/\.tsx?$/.test(entry.name) && !/_test\.tsx?$/.test(entry.name)) yield path;
  }
}

async function check(root: string): Promise<{ files: number; violations: string[] }> {
  const paths = [join(root, "main.ts")];
  for (const dir of ["src", "tui"]) {
    try {
      for await (const path of sourcesIn(join(root, dir))) paths.push(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const violations: string[] = [];
  for (const path of paths.sort()) {
    for (const one of importsOf(await Deno.readTextFile(path))) {
      const found = violation(relative(root, path), one);
      if (found !== undefined) violations.push(found);
    }
  }
  return { files: paths.length, violations };
}

if (import.meta.main) {
  const { files, violations } = await check(join(import.meta.dirname ?? ".", ".."));
  for (const line of violations) print(line);
  print(`layers: ${files} files, ${violations.length} imports against the rules`);
  Deno.exit(violations.length === 0 ? 0 : 1);
}
