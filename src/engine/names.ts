/** Names that are told where there are many. */
const SHOWN = 5;

/** "1 message", "2 messages". */
export function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

/** The verb behind {@linkcode counted}. */
export function isOrAre(count: number): "is" | "are" {
  return count === 1 ? "is" : "are";
}

/** The subject of a sentence: "1 queue is", "2 queues are". */
export function queuesAre(count: number): string {
  return `${counted(count, "queue")} ${isOrAre(count)}`;
}

/** Names in quotes, at most five of them; those of vhosts other than `/` with their vhost. */
export function quotedNames(all: readonly { name: string; vhost?: string }[]): string {
  const shown = all.slice(0, SHOWN).map(({ name, vhost = "/" }) =>
    vhost === "/" ? `"${name}"` : `"${name}" (vhost "${vhost}")`
  );
  const more = all.length > SHOWN ? ` and ${all.length - SHOWN} more` : "";
  return shown.join(", ") + more;
}
