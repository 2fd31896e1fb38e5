import { Box } from "ink";
import { pad, widthOf } from "../../src/console/text/width.ts";
import { Line, type Span, span } from "../components/line.tsx";
import { MoreLine } from "../components/text_lines.tsx";
import { type Binding, GLOBAL_KEYS, keyLabel, MOVE_KEYS } from "./keys.ts";
import type { Area } from "./screen.ts";

/** What a help is about. */
export interface HelpTopic {
  readonly title: string;
  readonly bindings: readonly Binding[];
}

/** The keys of a screen, from the table by which they are bound; `top`: the first line that is seen. */
export function Help({ topic, top, area }: { topic: HelpTopic; top: number; area: Area }) {
  const lines = helpLines(topic, area);
  const last = lastTop(topic, area);
  const from = Math.min(top, last);
  return (
    <Box flexDirection="column">
      {lines.slice(from, from + area.rows - (last > 0 ? 1 : 0)).map((spans, index) => (
        <Line key={index} spans={spans} theme={area.theme} columns={area.columns} />
      ))}
      {last > 0 && <MoreLine isAbove={from > 0} isBelow={from < last} area={area} />}
    </Box>
  );
}

/** How far a help can be scrolled. */
export function lastTop(topic: HelpTopic, area: Area): number {
  const { length } = helpLines(topic, area);
  // Where it does not fit, a line says so.
  return length <= area.rows ? 0 : length - area.rows + 1;
}

function helpLines({ title, bindings }: HelpTopic, { theme }: Area): Span[][] {
  const moves = new Set<string>(MOVE_KEYS.map(({ command }) => command));
  const sections: [string, readonly Binding[]][] = [
    [title, bindings.filter(({ command }) => !moves.has(command))],
    ["Everywhere", GLOBAL_KEYS],
    ["Lists", bindings.filter(({ command }) => moves.has(command))],
  ];
  const labels = (binding: Binding) =>
    binding.keys.map((key) => keyLabel(key, theme.style)).join(" ");
  const width = Math.max(...sections.flatMap(([, all]) => all).map((one) => widthOf(labels(one))));
  return sections.filter(([, all]) => all.length > 0).flatMap(([name, all], index) => [
    ...index === 0 ? [] : [[]],
    [span(` ${name}`, "strong")],
    ...all.map((one) => [
      span(`   ${pad(labels(one), width)}`, "accent"),
      span(`   ${one.help}`),
    ]),
  ]);
}
