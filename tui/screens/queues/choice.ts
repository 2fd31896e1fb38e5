import { escapeName } from "../../../src/config/name_pattern.ts";
import type { Override } from "../../../src/config/overrides.ts";
import { shellWord } from "../../../src/console/resume_command.ts";

/** A choice of queues as configuration, and as flags for the same. */
export interface QueueChoice {
  readonly overrides: readonly Override[];
  readonly flags: readonly string[];
  /** Queues that come along: they have a name and a vhost that were chosen, each with others. */
  readonly alongside: number;
}

interface Named {
  readonly vhost: string;
  readonly name: string;
}

const ALL: QueueChoice = { overrides: [], flags: [], alongside: 0 };

/**
 * Names and vhosts that select the chosen ones of all queues. A configuration chooses names for all
 * vhosts at once, so others may come along.
 */
export function queueChoice(
  { all, chosen, at }: {
    all: readonly Named[];
    chosen: readonly Named[];
    at: "source.queues" | "restore.queues";
  },
): QueueChoice {
  if (chosen.length === all.length) return ALL;
  const names = new Set(chosen.map(({ name }) => name));
  const vhosts = new Set(chosen.map(({ vhost }) => vhost));
  const selected = all.filter(({ vhost, name }) => names.has(name) && vhosts.has(vhost));
  const hasOthers = all.some(({ vhost }) => !vhosts.has(vhost));
  // A vhost whose queues are all chosen needs no names.
  const areWhole = all.every(({ vhost, name }) => !vhosts.has(vhost) || names.has(name));
  const include = areWhole ? [] : [...names].map(escapeName);
  const inVhosts = hasOthers ? [...vhosts].map(escapeName) : [];
  return {
    overrides: [
      ...include.length === 0 ? [] : [override(`${at}.include`, include)],
      ...inVhosts.length === 0 ? [] : [override(`${at}.vhosts`, inVhosts)],
    ],
    flags: [
      ...inVhosts.flatMap((vhost) => ["--vhost", shellWord(vhost)]),
      ...include.flatMap((name) => ["--include", shellWord(name)]),
    ],
    alongside: selected.length - chosen.length,
  };
}

function override(path: string, value: unknown): Override {
  return { path: path.split("."), value, origin: "the marked queues" };
}
