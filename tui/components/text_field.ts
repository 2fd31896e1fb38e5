import type { Binding } from "../app/keys.ts";
import type { Theme } from "../theme/theme.ts";

/** What keys do to the end of a text that is typed. */
export type EraseCommand = "erase" | "eraseWord" | "clear";

/** The same in each field. */
export const ERASE_KEYS: readonly Binding<EraseCommand>[] = [
  { keys: ["backspace", "delete"], command: "erase", help: "erase a character" },
  { keys: ["ctrl-w"], command: "eraseWord", help: "erase a word" },
  { keys: ["ctrl-u"], command: "clear", help: "erase all of it" },
];

/** The text without what a key erases. */
export function erased(text: string, command: EraseCommand): string {
  switch (command) {
    case "erase":
      return [...text].slice(0, -1).join("");
    case "eraseWord":
      return text.replace(/\S+\s*$|\s+$/u, "");
    case "clear":
      return "";
  }
}

/** What stands where the next character is typed. */
export function caretOf({ style }: Theme): string {
  return style.unicode ? "▏" : "_";
}
