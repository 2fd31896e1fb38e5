import type { NameMatcher } from "./name_pattern.ts";

/**
 * The pattern of a policy: the broker's are Perl-compatible expressions, searched anywhere in the
 * name. Returns undefined for one that JavaScript does not understand.
 */
export function compilePolicyPattern(pattern: string): NameMatcher | undefined {
  const flags = /^\(\?([imsx]+)\)/.exec(pattern);
  const source = flags === null ? pattern : pattern.slice(flags[0].length);
  if (flags?.[1]?.includes("x")) return undefined;
  try {
    const regex = new RegExp(source.replace(/^\\A/, "^").replace(/\\[zZ]$/, "$"), flags?.[1] ?? "");
    return (name) => regex.test(name);
  } catch {
    return undefined;
  }
}
