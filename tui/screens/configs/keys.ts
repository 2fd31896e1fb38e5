import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type ConfigsCommand = MoveCommand | "use" | "forget";

export const CONFIGS_KEYS: readonly Binding<ConfigsCommand>[] = [
  {
    keys: ["enter", "right", "l"],
    command: "use",
    hint: "open",
    help: "go by this configuration from now on",
  },
  {
    keys: ["x"],
    command: "forget",
    hint: "forget",
    help: "take it from this list; the file stays",
  },
  ...MOVE_KEYS,
];
