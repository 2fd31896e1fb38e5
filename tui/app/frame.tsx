import { Box, Text } from "ink";
import { truncate, widthOf } from "../../src/console/text/width.ts";
import { Dialog } from "../components/dialog.tsx";
import { Line, Rule, type Span, span } from "../components/line.tsx";
import type { Theme } from "../theme/theme.ts";
import { Help } from "./help.tsx";
import { type Binding, GLOBAL_KEYS, keyLabel } from "./keys.ts";
import type { Navigator } from "./navigator.ts";
import type { Area } from "./screen.ts";

/** The smallest terminal in which everything has its place. */
export const LEAST = { columns: 60, rows: 20 };

/**
 * Lines around a screen: header, rule, rule, notice or command line, keys, and an empty one, as Ink
 * 8.0 loses the last line of a frame as high as the terminal when it draws only what has changed.
 */
const FRAME_ROWS = 6;

/** The room of a screen in a terminal of a size. */
export function screenArea(size: { columns: number; rows: number }, theme: Theme): Area {
  return { columns: size.columns, rows: Math.max(1, size.rows - FRAME_ROWS), theme };
}

/** Header, screen and footer. */
export function Frame(
  { navigator, columns, rows, theme }: {
    navigator: Navigator;
    columns: number;
    rows: number;
    theme: Theme;
  },
) {
  if (columns < LEAST.columns || rows < LEAST.rows) {
    return <TooSmall columns={columns} rows={rows} />;
  }
  const area = screenArea({ columns, rows }, theme);
  const line = { theme, columns };
  return (
    <Box flexDirection="column" width={columns} height={rows - 1}>
      <Line {...line} spans={headerSpans(navigator, area)} />
      <Rule {...line} />
      <Box height={area.rows} width={columns} flexDirection="column" overflow="hidden">
        <Content navigator={navigator} area={area} />
      </Box>
      <Rule {...line} />
      <Line {...line} spans={noteSpans(navigator)} />
      <Line {...line} spans={hintSpans(navigator, area)} />
    </Box>
  );
}

function Content({ navigator, area }: { navigator: Navigator; area: Area }) {
  const { question, isHelpOpen, screen } = navigator;
  if (question !== undefined) return <Dialog text={question} area={area} />;
  if (isHelpOpen) {
    return <Help topic={navigator.helpTopic()} top={navigator.helpTop} area={area} />;
  }
  return <>{screen.render(area)}</>;
}

function TooSmall({ columns, rows }: { columns: number; rows: number }) {
  return (
    <Box width={columns} height={rows} flexDirection="column">
      <Text>This terminal has {columns} x {rows}.</Text>
      <Text>{LEAST.columns} x {LEAST.rows} are needed: make it larger.</Text>
      <Text>Work that runs goes on. ^C stops it.</Text>
    </Box>
  );
}

function headerSpans({ path, context, host }: Navigator, { columns, theme }: Area): Span[] {
  const left = [
    span(" rabbitmq-backup", "strong"),
    ...path.slice(1).flatMap((title, index, all) => [
      span(` ${theme.glyphs.crumb} `, "dim"),
      span(title, index === all.length - 1 ? "accent" : undefined),
    ]),
  ];
  const used = left.reduce((sum, { text }) => sum + widthOf(text), 0);
  const mode = host.readOnly ? "READ-ONLY  " : "";
  const right = truncate(
    `${mode}${context}`,
    Math.max(0, columns - used - 3),
    theme.glyphs.ellipsis,
  );
  const gap = Math.max(1, columns - used - widthOf(right) - 1);
  return [...left, span(" ".repeat(gap)), span(right, "dim")];
}

/** What has just happened, or the command that does the same as this screen. */
function noteSpans({ notice, screen }: Navigator): Span[] {
  if (notice !== undefined) return [span(" "), span(notice, "attention")];
  const line = screen.commandLine?.();
  return line === undefined ? [] : [span(` $ ${line}`, "dim")];
}

/** The keys that matter most; those of the whole program stay when room is short. */
function hintSpans(navigator: Navigator, { columns, theme }: Area): Span[] {
  if (navigator.question !== undefined) {
    const keys = [["left", "choose"], ["enter", "take it"], ["esc", "cancel"]] as const;
    return keys.flatMap(([key, hint]) => hintOf({ keys: [key], hint }, theme));
  }
  if (navigator.isHelpOpen) {
    const keys = [["down", "scroll"], ["esc", "close"]] as const;
    return keys.flatMap(([key, hint]) => hintOf({ keys: [key], hint }, theme));
  }
  const global = navigator.screen.typing === undefined ? GLOBAL_KEYS.filter(hasHint) : [];
  const own = navigator.bindings().filter(hasHint);
  const ownKeys = new Set(navigator.bindings().flatMap(({ keys }) => keys));
  const tail = global.filter(({ keys, command }) =>
    !ownKeys.has(keys[0]!) && (command !== "back" || navigator.path.length > 1)
  ).flatMap((binding) => hintOf(binding, theme));
  const room = columns - widthOfAll(tail);
  const head: Span[] = [];
  for (const binding of own) {
    const spans = hintOf(binding, theme);
    if (widthOfAll(head) + widthOfAll(spans) > room) break;
    head.push(...spans);
  }
  return [...head, ...tail];
}

function hasHint(binding: Binding): binding is Binding & { hint: string } {
  return binding.hint !== undefined;
}

function hintOf({ keys, hint }: Pick<Binding, "keys" | "hint">, { style }: Theme): Span[] {
  return [span(` ${keyLabel(keys[0]!, style)}`, "strong"), span(` ${hint} `, "dim")];
}

function widthOfAll(spans: readonly Span[]): number {
  return spans.reduce((sum, { text }) => sum + widthOf(text), 0);
}
