import { Box } from "ink";
import { pad, widthOf } from "../../src/console/text/width.ts";
import { Line, type Span, span } from "../components/line.tsx";
import { type Binding, GLOBAL_KEYS, keyLabel, MOVE_KEYS } from "./keys.ts";
import type { Area } from "./screen.ts";

/** The keys of a screen, from the table by which they are bound. */
export function Help(
  { title, bindings, area }: { title: string; bindings: readonly Binding[]; area: Area },
) {
  const moves = new Set<string>(MOVE_KEYS.map(({ command }) => command));
  const own = bindings.filter(({ command }) => !moves.has(command));
  const sections: [string, readonly Binding[]][] = [
    [title, own],
    ["Lists", bindings.filter(({ command }) => moves.has(command))],
    ["Everywhere", GLOBAL_KEYS],
  ];
  const labels = (binding: Binding) =>
    binding.keys.map((key) => keyLabel(key, area.theme.style)).join(" ");
  const width = Math.max(...sections.flatMap(([, all]) => all).map((one) => widthOf(labels(one))));
  const lines: Span[][] = sections.filter(([, all]) => all.length > 0).flatMap(([name, all]) => [
    [span(` ${name}`, "strong")],
    ...all.map((one) => [
      span(`   ${pad(labels(one), width)}`, "accent"),
      span(`   ${one.help}`),
    ]),
    [],
  ]);
  return (
    <Box flexDirection="column">
      {lines.slice(0, area.rows).map((spans, index) => (
        <Line key={index} spans={spans} theme={area.theme} columns={area.columns} />
      ))}
    </Box>
  );
}
