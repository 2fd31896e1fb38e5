import type { Binding } from "../../app/keys.ts";

export type QueuesCommand = "plan" | "refresh";

/** Beside those of the list. */
export const QUEUES_KEYS: readonly Binding<QueuesCommand>[] = [
  {
    keys: ["enter", "right", "l"],
    command: "plan",
    hint: "plan",
    help: "the plan of a backup of what is marked",
  },
  { keys: ["r"], command: "refresh", help: "look at the hazards again" },
];
