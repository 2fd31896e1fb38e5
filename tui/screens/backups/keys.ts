import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type BackupsCommand = MoveCommand | "choose" | "refresh";

export const BACKUPS_KEYS: readonly Binding<BackupsCommand>[] = [
  { keys: ["enter"], command: "choose", hint: "choose", help: "look into this backup" },
  { keys: ["r"], command: "refresh", hint: "list again", help: "read the storage again" },
  ...MOVE_KEYS,
];
