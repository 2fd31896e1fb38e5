import type { CommandContext } from "../context.ts";

/** A result that can be shown in each form that `--format` knows. */
export interface ShownResult {
  /** Snake case names; the stable form. */
  readonly document: unknown;
  /** For people; called only when this form is wanted. */
  text(): readonly string[];
}

/** Shows a result as text, JSON (`--json`, `-f json`) or YAML (`-f yaml`). */
export async function showResult({ output, flags }: CommandContext, result: ShownResult) {
  if (flags.format === "yaml" && !output.options.json) {
    const { stringify } = await import("yaml");
    output.result(stringify(result.document).trimEnd());
  } else if (output.options.json) {
    output.document(result.document);
  } else {
    output.result(result.text());
  }
}

/** A time as documents tell it: RFC 3339 in UTC; null stays so. */
export function isoTime(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}
