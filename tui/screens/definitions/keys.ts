import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type DefinitionsCommand = MoveCommand | "compare" | "mark" | "import" | "refresh";

export const DEFINITIONS_KEYS: readonly Binding<DefinitionsCommand>[] = [
  {
    keys: ["enter", "right", "l"],
    command: "compare",
    hint: "compare",
    help: "what is different from there to the marked one; without a mark, to the broker",
  },
  { keys: ["space"], command: "mark", hint: "mark", help: "compare others with this one, or not" },
  {
    keys: ["i"],
    command: "import",
    hint: "import",
    help: "the plan of an import of this backup's definitions",
  },
  { keys: ["r"], command: "refresh", hint: "list again", help: "read the storage again" },
  ...MOVE_KEYS,
];
