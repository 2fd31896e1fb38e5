import type { MoveCommand } from "../../app/keys.ts";
import type { RecentConfig } from "../../app/recent.ts";
import { AT_TOP, type ListCursor, moved, movedTo } from "../../components/list_cursor.ts";

/** Configuration files that were used before. */
export interface ConfigsState {
  readonly configs?: readonly RecentConfig[];
  readonly cursor: ListCursor;
}

export const NO_CONFIGS: ConfigsState = { cursor: AT_TOP };

export type ConfigsAction =
  | { type: "listed"; configs: readonly RecentConfig[] }
  | { type: "move"; command: MoveCommand; page: number };

/** The list after it was read, or a key was pressed. */
export function reduceConfigs(state: ConfigsState, action: ConfigsAction): ConfigsState {
  const { cursor } = state;
  switch (action.type) {
    case "listed": {
      const size = { count: action.configs.length, page: action.configs.length };
      return { configs: action.configs, cursor: movedTo(cursor.index, cursor, size) };
    }
    case "move": {
      const size = { count: state.configs?.length ?? 0, page: action.page };
      return { ...state, cursor: moved(cursor, action.command, size) };
    }
  }
}
