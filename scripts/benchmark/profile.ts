import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderTable } from "../../src/console/text/table.ts";
import { checkoutDir } from "../lib/instances.ts";

/** The parts of V8's .cpuprofile that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** A function and the time spent in it alone, not in what it calls. */
export interface HotSpot {
  readonly name: string;
  readonly place: string;
  readonly seconds: number;
}

/** Waiting, by the names that V8 and Deno's workers have for it. */
const IDLE = new Set(["(idle)", "op_worker_maybe_wait_for_debugger"]);

/** Functions by the time spent in each itself, the most first; V8 names of its own in parentheses. */
export function hotSpots(profile: CpuProfile): HotSpot[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spots = new Map<string, { name: string; place: string; seconds: number }>();
  for (const [index, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined) continue;
    const place = frame.url === "" ? "" : `${shorten(frame.url)}:${frame.lineNumber + 1}`;
    const name = frame.functionName || "(anonymous)";
    const key = `${name} ${place}`;
    const spot = spots.get(key) ?? { name, place, seconds: 0 };
    spot.seconds += (profile.timeDeltas[index] ?? 0) / 1e6;
    spots.set(key, spot);
  }
  return [...spots.values()].sort((a, b) => b.seconds - a.seconds);
}

/** CPU by thread, and the hottest functions of each profile in a folder (one a thread), as lines. */
export async function renderProfiles(
  folder: string,
  threadSeconds: ReadonlyMap<string, number>,
): Promise<string[]> {
  const lines = ["CPU by thread:"];
  const threads = [...threadSeconds].filter(([, seconds]) => seconds >= 0.05)
    .sort(([, a], [, b]) => b - a);
  for (const [name, seconds] of threads) {
    lines.push(`  ${seconds.toFixed(2).padStart(6)} s  ${name}`);
  }
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".cpuprofile")) continue;
    const profile = JSON.parse(await Deno.readTextFile(join(folder, name))) as CpuProfile;
    lines.push("", `${join(folder, name)}:`, ...renderSpots(hotSpots(profile)));
  }
  return lines;
}

function renderSpots(spots: readonly HotSpot[]): string[] {
  const busy = spots.filter(({ name }) => !IDLE.has(name));
  const total = busy.reduce((sum, { seconds }) => sum + seconds, 0);
  return renderTable(
    [{ title: "self, s", align: "right" }, { title: "share", align: "right" }, {
      title: "function",
    }, {
      title: "where",
    }],
    busy.slice(0, 25).map(({ name, place, seconds }) => [
      seconds.toFixed(2),
      `${Math.round(seconds / total * 100)} %`,
      name,
      place,
    ]),
  );
}

function shorten(url: string): string {
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(url);
  const root = `${checkoutDir()}/`;
  if (path.startsWith(root)) return path.slice(root.length);
  const packages = /^.*\/npm\/[^/]+\//.exec(path)?.[0];
  return packages === undefined
    ? path.replace(/^.*\/node_modules\//, "")
    : path.slice(packages.length);
}
