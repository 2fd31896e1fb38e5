/** How many tests passed and failed; a check or a test process that breaks is one that failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export const NONE: Counts = { passed: 0, failed: 0 };

export function add(one: Counts, other: Counts): Counts {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed };
}

// deno-lint-ignore no-control-regex -- that is what an escape sequence is made of
const ESCAPES = /\x1b\[[0-9;]*m/g;
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/gm;

/**
 * Reads the summary at the end of what `deno test` prints. A process that failed and tells of no
 * failed test (it crashed, types are wrong, no file was found) counts as one failure.
 */
export function countSummary(output: string, exitCode: number): Counts {
  const last = [...output.replaceAll(ESCAPES, "").matchAll(SUMMARY)].at(-1);
  const counts = { passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? 0) };
  const unexplained = counts.failed === 0 && (exitCode !== 0 || last === undefined);
  return unexplained ? { ...counts, failed: 1 } : counts;
}
