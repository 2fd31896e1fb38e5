import { AppError } from "../errors.ts";
import { isPlainName, nameRegex } from "./name_pattern.ts";

/** Names or patterns, and what the names that match are called instead. */
export type NameMapping = Readonly<Record<string, string>>;

/** A compiled {@linkcode NameMapping}. */
export interface NameMapper {
  /** The name instead; the same where nothing matches. */
  map(name: string): string;
  /** Patterns that have matched no name so far. */
  unused(): string[];
}

interface Rule {
  readonly pattern: string;
  readonly regex: RegExp;
  readonly template: readonly (string | number)[];
}

/**
 * Compiles a mapping. A plain name matches that name, before all patterns; of the patterns, as in
 * `name_pattern.ts`, the first that matches counts. The text beside it is the whole new name, in which
 * `$1` to `$99` stand for what the groups of a regular expression, or the `*` of a glob, have matched,
 * and `$$` for a dollar sign.
 *
 * Throws an {@linkcode AppError} with code `config` for a pattern or text that cannot be used.
 */
export function compileMapping(mapping: NameMapping): NameMapper {
  const exact = new Map<string, string>();
  const rules: Rule[] = [];
  for (const [pattern, text] of Object.entries(mapping)) {
    if (pattern !== "" && isPlainName(pattern)) exact.set(pattern, plainText(pattern, text));
    else rules.push(compileRule(pattern, text));
  }
  const used = new Set<string>();
  return {
    map(name) {
      const plain = exact.get(name);
      if (plain !== undefined) {
        used.add(name);
        return plain;
      }
      for (const { pattern, regex, template } of rules) {
        const match = regex.exec(name);
        if (match === null) continue;
        used.add(pattern);
        return template.map((part) => typeof part === "string" ? part : match[part] ?? "").join("");
      }
      return name;
    },
    unused: () => Object.keys(mapping).filter((pattern) => !used.has(pattern)),
  };
}

function compileRule(pattern: string, text: string): Rule {
  const regex = nameRegex(pattern);
  // With an alternative that always matches, the match tells how many groups there are.
  const groups = new RegExp(`${regex.source}|`, regex.flags).exec("")!.length - 1;
  return { pattern, regex, template: compileTemplate(text, { pattern, groups }) };
}

function plainText(pattern: string, text: string): string {
  return compileTemplate(text, { pattern, groups: 0 }).join("");
}

function compileTemplate(
  text: string,
  { pattern, groups }: { pattern: string; groups: number },
): (string | number)[] {
  const parts = text.match(/\$\d{1,2}|\$\$|\$|[^$]+/gs) ?? [];
  return parts.map((part) => {
    if (!part.startsWith("$")) return part;
    if (part === "$$") return "$";
    const group = Number(part.slice(1));
    if (part === "$" || group < 1 || group > groups) {
      const held = groups === 0 ? "no group" : groups === 1 ? "one group" : `${groups} groups`;
      throw new AppError(
        "config",
        part === "$"
          ? `Cannot map ${JSON.stringify(pattern)}: a single $ stands for nothing; write $$ for one`
          : `Cannot map ${JSON.stringify(pattern)}: there is no ${part}, the pattern has ${held}`,
      );
    }
    return group;
  });
}
