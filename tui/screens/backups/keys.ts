import type { Binding } from "../../app/keys.ts";

export type BackupsCommand = "choose" | "refresh";

/** Beside those of the list. */
export const BACKUPS_KEYS: readonly Binding<BackupsCommand>[] = [
  { keys: ["enter"], command: "choose", hint: "choose", help: "look into this backup" },
  { keys: ["r"], command: "refresh", hint: "list again", help: "read the storage again" },
];
