import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** Something that has definitions. */
export interface DefinitionsSide {
  /** What stands for it on a command line: `live`, or a backup's id. */
  readonly word: string;
  /** Absent: the broker. */
  readonly backup?: BackupListing;
}

/** What can be compared, the broker first, then backups, the newest first. */
export interface DefinitionsState {
  readonly sides?: readonly DefinitionsSide[];
  /** The word of what others are compared with. */
  readonly marked?: string | undefined;
  readonly failure?: Failure | undefined;
  readonly cursor: ListCursor;
}

export const LIVE: DefinitionsSide = { word: "live" };

export const NO_SIDES: DefinitionsState = { cursor: AT_TOP };

export type DefinitionsAction =
  | { type: "listed"; backups: readonly BackupListing[] }
  | { type: "failed"; failure: Failure }
  | { type: "mark" }
  | { type: "move"; command: MoveCommand; page: number };

/** The list after something has come, or was pressed. */
export function reduceDefinitions(
  state: DefinitionsState,
  action: DefinitionsAction,
): DefinitionsState {
  switch (action.type) {
    case "listed": {
      const finished = action.backups
        .filter(({ state }) => state === "complete" || state === "partial").toReversed();
      const backups = finished.map((backup) => ({ word: backup.backupId, backup }));
      return { ...state, sides: [LIVE, ...backups], failure: undefined };
    }
    case "failed":
      // The broker can be compared with nothing, but that is for a person to see.
      return { ...state, sides: state.sides ?? [LIVE], failure: action.failure };
    case "mark": {
      const { word } = currentSide(state) ?? {};
      return { ...state, marked: word === state.marked ? undefined : word };
    }
    case "move": {
      const size = { count: state.sides?.length ?? 0, page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
  }
}

/** What the cursor is on. */
export function currentSide({ sides, cursor }: DefinitionsState): DefinitionsSide | undefined {
  return sides?.[cursor.index];
}

/** The words of the two that are to be compared; undefined when they are the same one. */
export function comparedWords(state: DefinitionsState): readonly [string, string] | undefined {
  const current = currentSide(state);
  const second = state.marked ?? LIVE.word;
  if (current === undefined || current.word === second) return undefined;
  return [current.word, second];
}
