import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** What can be begun. */
export const TASKS = [
  { name: "backup", title: "Back up", about: "choose queues, see what reading them costs, watch" },
  { name: "restore", title: "Restore", about: "look into a backup, choose, see the plan, verify" },
] as const;

export type Task = (typeof TASKS)[number]["name"];

/** Something that was asked, and the answer. */
export type Answer<T> =
  | { readonly state: "asking" | "missing" }
  | { readonly state: "there"; readonly value: T }
  | { readonly state: "failed"; readonly failure: Failure };

/** The place where everything begins: what is connected, and what can be done. */
export interface StartState {
  /** Where they are, by the configuration. */
  readonly places: { readonly source?: string; readonly storage?: string };
  readonly broker: Answer<{ cluster: string; version: string; queues: number; messages: number }>;
  readonly backups: Answer<readonly BackupListing[]>;
  readonly cursor: ListCursor;
}

export const NOT_ASKED: StartState = {
  places: {},
  broker: { state: "asking" },
  backups: { state: "asking" },
  cursor: AT_TOP,
};

export type StartAction =
  | { type: "placed"; places: StartState["places"] }
  | { type: "broker"; answer: StartState["broker"] }
  | { type: "backups"; answer: StartState["backups"] }
  | { type: "move"; command: MoveCommand };

/** The start after an answer has come, or a key was pressed. */
export function reduceStart(state: StartState, action: StartAction): StartState {
  switch (action.type) {
    case "placed":
      return { ...NOT_ASKED, cursor: state.cursor, places: action.places };
    case "broker":
      return { ...state, broker: action.answer };
    case "backups":
      return { ...state, backups: action.answer };
    case "move": {
      const size = { count: TASKS.length, page: TASKS.length };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
  }
}
