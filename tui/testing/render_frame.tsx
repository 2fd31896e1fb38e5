import chalk from "chalk";
import { renderToString } from "ink";
import { Frame } from "../app/frame.tsx";
import { Navigator } from "../app/navigator.ts";
import type { Screen } from "../app/screen.ts";
import { themeOf } from "../theme/theme.ts";

/** What decides how a frame looks. */
export interface FrameOptions {
  readonly columns: number;
  readonly rows: number;
  readonly color?: boolean;
  readonly unicode?: boolean;
  readonly readOnly?: boolean;
}

export const SIZES = [
  { columns: 60, rows: 20 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
] as const;

/** A navigator that ends nothing. */
export function quietNavigator({ readOnly = false } = {}): Navigator {
  return new Navigator({
    readOnly,
    openLog: () => stillScreen({ title: "Log", render: () => null }),
    copy: () => {},
    save: () => Promise.resolve("saved"),
    quit: () => {},
    exitNow: () => {},
  });
}

/** A screen that only shows something. */
export function stillScreen(parts: Pick<Screen, "title" | "render"> & Partial<Screen>): Screen {
  return { keys: () => [], press: () => {}, subscribe: () => () => {}, ...parts };
}

/** The whole frame with this path of screens, as a terminal of the size would show it. */
export function renderFrame(
  screens: readonly Screen[],
  { columns, rows, color = false, unicode = true, readOnly = false }: FrameOptions,
): string {
  chalk.level = 1;
  const navigator = quietNavigator({ readOnly });
  for (const screen of screens) navigator.open(screen);
  navigator.setContext("mq.example:5672  /backups");
  return renderNavigator(navigator, { columns, rows, color, unicode });
}

export function renderNavigator(
  navigator: Navigator,
  { columns, rows, color = false, unicode = true }: FrameOptions,
): string {
  const theme = themeOf({ color, unicode });
  const frame = <Frame navigator={navigator} columns={columns} rows={rows} theme={theme} />;
  return renderToString(frame, { columns });
}

// deno-lint-ignore no-control-regex
const CODES = /\u001b\[[0-9;]*m/g;

/** The frame without colours and the like, and without blanks at the ends of lines. */
export function plainFrame(frame: string): string {
  return frame.replace(CODES, "").split("\n").map((line) => line.trimEnd()).join("\n");
}

/** Whether a frame has codes for foreground or background colours, as against bold and inverse. */
export function hasColors(frame: string): boolean {
  return [...frame.matchAll(CODES)].some(([code]) => /[[;](3[0-7]|4[0-7]|9\d)[;m]/.test(code));
}
