import type { Glyphs } from "../theme/theme.ts";
import { type Span, span } from "./line.tsx";

/** A bar of so many columns; `fraction` from 0 to 1. It is full only when all is done. */
export function bar(fraction: number, columns: number, { barFull, barEmpty }: Glyphs): Span[] {
  const safe = Math.min(1, Math.max(0, fraction));
  const full = Math.floor(safe * columns);
  return [span(barFull.repeat(full), "good"), span(barEmpty.repeat(columns - full), "dim")];
}

/** The last values as a line of so many columns, the highest as high as there is. */
export function sparkline(values: readonly number[], columns: number, { spark }: Glyphs): string {
  const last = values.slice(-columns);
  const highest = Math.max(...last, 1);
  const signs = last.map((value) => spark[Math.round((value / highest) * (spark.length - 1))]!);
  return signs.join("").padStart(columns);
}

/**
 * Values as columns of so many lines, the highest as high as there is, from the top line down. What is
 * not nothing is seen.
 */
export function columnChart(
  values: readonly number[],
  rows: number,
  { spark }: Glyphs,
): string[] {
  const highest = Math.max(...values, Number.MIN_VALUE);
  const levels = rows * spark.length;
  const heights = values.map((value) => value > 0 ? Math.ceil(value / highest * levels) : 0);
  return Array.from({ length: rows }, (_, row) => {
    const below = (rows - 1 - row) * spark.length;
    return heights.map((height) => {
      const level = Math.min(spark.length, height - below);
      return level > 0 ? spark[level - 1]! : " ";
    }).join("");
  });
}
