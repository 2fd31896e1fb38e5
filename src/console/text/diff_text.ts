import type { DefinitionsDiff } from "../../definitions/diff.ts";
import { escapeText } from "./escape.ts";
import { formatCount } from "./format.ts";
import { objectLines } from "./import_text.ts";
import { paint, signsOf, type Style } from "./style.ts";

/** What is different between two definitions, in counts in the last line. */
export function diffLines(
  diff: DefinitionsDiff,
  { from, to, style, all }: { from: string; to: string; style: Style; all: boolean },
): string[] {
  const { added, removed, changed, same } = diff;
  const [first, second] = [escapeText(from), escapeText(to)];
  const lines = [
    ...objectLines(`Only in ${first}:`, { objects: removed, all, sign: "-" }),
    ...objectLines(`Only in ${second}:`, { objects: added, all, sign: "+" }),
    ...objectLines(`Different, from ${first} to ${second}:`, { objects: changed, all, sign: "~" }),
  ].slice(1);
  const signs = signsOf(style);
  const isSame = lines.length === 0;
  const sign = isSame ? paint(style, "good", signs.ok) : paint(style, "attention", signs.attention);
  const counts = [
    `${formatCount(removed.length)} only in ${first}`,
    `${formatCount(added.length)} only in ${second}`,
    `${formatCount(changed.length)} different`,
    `${formatCount(same)} the same`,
  ];
  return [
    ...lines,
    ...isSame ? [] : [""],
    isSame
      ? `${sign} No difference in ${formatCount(same)} objects.`
      : `${sign} ${counts.join(", ")}.`,
  ];
}
