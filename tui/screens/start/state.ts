import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** What can be begun. */
export const TASKS = [
  { name: "backup", title: "Back up", about: "choose queues, see what reading them costs, watch" },
  { name: "restore", title: "Restore", about: "look into a backup, choose, see the plan, verify" },
  { name: "definitions", title: "Definitions", about: "compare, and import what a backup has" },
  { name: "doctor", title: "Check", about: "try all that a backup or a restore needs" },
  { name: "configs", title: "Open", about: "another configuration, of those used before" },
] as const;

const OPEN_INDEX = TASKS.findIndex(({ name }) => name === "configs");

export type Task = (typeof TASKS)[number]["name"];

/** Something that was asked, and the answer. */
export type Answer<T> =
  | { readonly state: "asking" | "missing" }
  | { readonly state: "there"; readonly value: T }
  | { readonly state: "failed"; readonly failure: Failure };

/** What is in a storage; `isNew`: a folder that is not there yet, as the first backup makes it. */
export interface StoredBackups {
  readonly listings: readonly BackupListing[];
  readonly isNew: boolean;
}

/** Where broker, storage and the target of restores are, without secrets. */
export interface Places {
  readonly source?: string;
  readonly storage?: string;
  readonly target?: string;
  /** Of a broker whose password a person has to type, as the file lacks it. */
  readonly login?: {
    readonly user: string;
    readonly management: string;
    /** What would hold the password. */
    readonly variables: readonly string[];
  };
}

/** The place where everything begins: what is connected, and what can be done. */
export interface StartState {
  /** Where they are, by the configuration. */
  readonly places: Places;
  readonly broker: Answer<{ cluster: string; version: string; queues: number; messages: number }>;
  readonly backups: Answer<StoredBackups>;
  /** A configuration that lies in this folder, while no other is in force. */
  readonly lying?: string | undefined;
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
  | { type: "lies"; name: string | undefined }
  | { type: "broker"; answer: StartState["broker"] }
  | { type: "backups"; answer: StartState["backups"] }
  | { type: "move"; command: MoveCommand };

/** The start after an answer has come, or a key was pressed. */
export function reduceStart(state: StartState, action: StartAction): StartState {
  switch (action.type) {
    case "placed": {
      const { source, storage, login } = action.places;
      // Answers of the same place stay until there are newer ones.
      const isSame = source === state.places.source &&
        (login === undefined) === (state.places.login === undefined);
      const broker = isSame ? state.broker : NOT_ASKED.broker;
      const backups = storage === state.places.storage ? state.backups : NOT_ASKED.backups;
      return { ...state, broker, backups, places: action.places };
    }
    case "lies": {
      if (action.name === state.lying) return state;
      const index = action.name === undefined ? 0 : OPEN_INDEX;
      return { ...state, lying: action.name, cursor: { index, top: 0 } };
    }
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
