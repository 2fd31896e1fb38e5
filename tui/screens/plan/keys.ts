import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type PlanCommand = MoveCommand | "start" | "refresh";

/** The plan is there and has something to do. */
export const PLAN_KEYS: readonly Binding<PlanCommand>[] = [
  {
    keys: ["enter"],
    command: "start",
    hint: "start the backup",
    help: "do what the plan says",
    writes: true,
  },
  { keys: ["r"], command: "refresh", hint: "look again", help: "ask the broker again" },
  ...MOVE_KEYS,
];

/** There is nothing to start. */
export const NO_START_KEYS: readonly Binding<PlanCommand>[] = PLAN_KEYS.filter(
  ({ command }) => command !== "start",
);
