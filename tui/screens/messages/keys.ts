import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type MessagesCommand =
  | MoveCommand
  | EraseCommand
  | "show"
  | "editSearch"
  | "startSearch"
  | "cancelSearch"
  | "dropSearch";

export const MESSAGES_KEYS: readonly Binding<MessagesCommand>[] = [
  { keys: ["enter"], command: "show", hint: "show", help: "all of this message" },
  {
    keys: ["/"],
    command: "editSearch",
    hint: "search",
    help: "a text in bodies, headers, properties, routing keys",
  },
  ...MOVE_KEYS,
];

/** While only what was found is shown. */
export const SEARCHED_KEYS: readonly Binding<MessagesCommand>[] = [
  ...MESSAGES_KEYS,
  { keys: ["esc"], command: "dropSearch", hint: "all again", help: "all messages again" },
];

/** While the text is typed. */
export const SEARCH_KEYS: readonly Binding<MessagesCommand>[] = [
  { keys: ["enter"], command: "startSearch", hint: "search", help: "look through all messages" },
  { keys: ["esc"], command: "cancelSearch", hint: "as before", help: "search for nothing else" },
  ...ERASE_KEYS,
];
