import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type BackupsCommand = MoveCommand | "choose" | "refresh" | "validate" | "validateDeep";

export const BACKUPS_KEYS: readonly Binding<BackupsCommand>[] = [
  { keys: ["enter"], command: "choose", hint: "choose", help: "look into this backup" },
  { keys: ["v"], command: "validate", hint: "validate", help: "check that this backup is whole" },
  { keys: ["V"], command: "validateDeep", help: "the same, down to every record" },
  { keys: ["r"], command: "refresh", hint: "list again", help: "read the storage again" },
  ...MOVE_KEYS,
];
