import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type DoctorCommand = MoveCommand | "again" | "otherSide";

export const DOCTOR_KEYS: readonly Binding<DoctorCommand>[] = [
  { keys: ["r"], command: "again", hint: "try again", help: "try all of it again" },
  {
    keys: ["tab"],
    command: "otherSide",
    hint: "backup or restore",
    help: "what the other of backup and restore needs",
  },
  ...MOVE_KEYS,
];
