import type { Binding } from "../../app/keys.ts";

export type ContentsCommand = "plan";

/** Beside those of the list. */
export const CONTENTS_KEYS: readonly Binding<ContentsCommand>[] = [
  {
    keys: ["enter"],
    command: "plan",
    hint: "plan",
    help: "the plan of a restore of what is marked",
  },
];
