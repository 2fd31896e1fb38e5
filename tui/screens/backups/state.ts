import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** The backups of a storage, the newest first. */
export interface BackupsState {
  readonly backups?: readonly BackupListing[];
  readonly failure?: Failure;
  readonly cursor: ListCursor;
}

export const NOT_LISTED: BackupsState = { cursor: AT_TOP };

export type BackupsAction =
  | { type: "listed"; backups: readonly BackupListing[] }
  | { type: "failed"; failure: Failure }
  | { type: "move"; command: MoveCommand; page: number };

/** The list after something has come, or was pressed. */
export function reduceBackups(state: BackupsState, action: BackupsAction): BackupsState {
  switch (action.type) {
    case "listed":
      return { cursor: AT_TOP, backups: action.backups.toReversed() };
    case "failed":
      return { ...state, failure: action.failure };
    case "move": {
      const size = { count: state.backups?.length ?? 0, page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
  }
}

/** The backup that the cursor is on. */
export function currentBackup({ backups, cursor }: BackupsState): BackupListing | undefined {
  return backups?.[cursor.index];
}

/** Whether there is something in it that can be restored. */
export function isFinished({ state }: BackupListing): boolean {
  return state === "complete" || state === "partial";
}
