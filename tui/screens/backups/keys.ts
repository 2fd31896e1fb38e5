import type { Binding } from "../../app/keys.ts";

export type BackupsCommand = "choose" | "refresh" | "validate" | "validateDeep";

/** Beside those of the list. */
export const BACKUPS_KEYS: readonly Binding<BackupsCommand>[] = [
  { keys: ["enter"], command: "choose", hint: "choose", help: "look into this backup" },
  { keys: ["v"], command: "validate", hint: "validate", help: "check that this backup is whole" },
  { keys: ["V"], command: "validateDeep", help: "the same, down to every record" },
  { keys: ["r"], command: "refresh", hint: "list again", help: "read the storage again" },
];
