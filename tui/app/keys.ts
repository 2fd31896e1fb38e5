/**
 * What keys do on a screen. One table gives the keys, the hints in the footer, the help on `?` and the
 * page in the documentation.
 */
export interface Binding<Command extends string = string> {
  /** Names as {@linkcode keyPresses} gives them; the first is the one that is shown. */
  readonly keys: readonly string[];
  readonly command: Command;
  /** A word or two for the footer; absent: only in the help. */
  readonly hint?: string;
  readonly help: string;
  /** Writes to a broker or a storage: not there with `--read-only`. */
  readonly writes?: true;
}

/** The command of a key, where it has one. */
export function commandOf<Command extends string>(
  bindings: readonly Binding<Command>[],
  key: string,
): Command | undefined {
  return bindings.find(({ keys }) => keys.includes(key))?.command;
}

/** One key. */
export interface KeyPress {
  /** `j`, `G`, `/`, `up`, `enter`, `space`, `ctrl-c`, `shift-down`, ... */
  readonly name: string;
  /** What it types into a field; absent for keys that type nothing. */
  readonly text?: string;
}

/** A key as Ink tells of it; see `useInput`. */
export interface InkKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageDown: boolean;
  readonly pageUp: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

const NAMED = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageDown", "pagedown"],
  ["pageUp", "pageup"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "esc"],
  ["tab", "tab"],
  ["backspace", "backspace"],
  ["delete", "delete"],
] as const;

/** The keys in one piece of input; keys that are pressed fast come in one piece. */
export function keyPresses(input: string, key: InkKey): KeyPress[] {
  const special = NAMED.find(([property]) => key[property])?.[1];
  if (special !== undefined) return [{ name: key.shift ? `shift-${special}` : special }];
  if (key.ctrl) return [{ name: `ctrl-${input === " " ? "space" : input}` }];
  if (key.meta) return [{ name: `alt-${input}` }];
  return [...input].map(pressOf);
}

function pressOf(char: string): KeyPress {
  if (char === "\r" || char === "\n") return { name: "enter" };
  if (char === "\t") return { name: "tab" };
  if (char === " ") return { name: "space", text: " " };
  if (char >= " ") return { name: char, text: char };
  // A control character is its key with Ctrl, 64 further on in ASCII.
  return { name: `ctrl-${String.fromCharCode(char.charCodeAt(0) + 64).toLowerCase()}` };
}

const SHOWN: Readonly<Record<string, string>> = {
  up: "↑",
  down: "↓",
  left: "←",
  right: "→",
  pageup: "PgUp",
  pagedown: "PgDn",
  enter: "Enter",
  home: "Home",
  end: "End",
  tab: "Tab",
};

/** How a key is shown: `↑`, `Enter`, `^C`. */
export function keyLabel(name: string, { unicode }: { unicode: boolean }): string {
  if (name.startsWith("ctrl-")) return `^${keyLabel(name.slice(5), { unicode }).toUpperCase()}`;
  if (name.startsWith("shift-")) return `Shift+${keyLabel(name.slice(6), { unicode })}`;
  const shown = SHOWN[name];
  if (shown === undefined) return name;
  return unicode || /^\w+$/.test(shown) ? shown : name;
}

/** Moving in lists: arrows, vim's keys, pages. */
export type MoveCommand = "up" | "down" | "pageUp" | "pageDown" | "first" | "last";

export const MOVE_KEYS: readonly Binding<MoveCommand>[] = [
  { keys: ["up", "k"], command: "up", help: "one up" },
  { keys: ["down", "j"], command: "down", help: "one down" },
  { keys: ["pageup", "ctrl-b", ","], command: "pageUp", help: "one page up" },
  { keys: ["pagedown", "ctrl-f", "."], command: "pageDown", help: "one page down" },
  { keys: ["home", "g", "<"], command: "first", help: "to the first" },
  { keys: ["end", "G", ">"], command: "last", help: "to the last" },
];

/** What the program does on every screen. */
export type GlobalCommand = "help" | "back" | "quit" | "stop" | "copy" | "log";

export const GLOBAL_KEYS: readonly Binding<GlobalCommand>[] = [
  { keys: ["?"], command: "help", hint: "help", help: "the keys of this screen" },
  { keys: ["esc", "left", "h"], command: "back", hint: "back", help: "back to the screen before" },
  { keys: ["y"], command: "copy", help: "the same as a command: show all of it, and copy it" },
  { keys: ["L"], command: "log", help: "what has happened so far" },
  { keys: ["q"], command: "quit", hint: "quit", help: "end the program" },
  {
    keys: ["ctrl-c"],
    command: "stop",
    help: "stop the work that runs, safely; else end the program",
  },
];
