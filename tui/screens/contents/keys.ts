import type { Binding } from "../../app/keys.ts";

export type ContentsCommand = "plan" | "messages";

/** Beside those of the list. */
export const CONTENTS_KEYS: readonly Binding<ContentsCommand>[] = [
  {
    keys: ["enter"],
    command: "plan",
    hint: "plan",
    help: "the plan of a restore of what is marked",
  },
  {
    keys: ["m"],
    command: "messages",
    hint: "messages",
    help: "look at the messages of this queue, one by one",
  },
];
