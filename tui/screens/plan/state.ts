import type { BackupPlan } from "../../../src/engine/plan_types.ts";
import type { WarningEvent } from "../../../src/engine/events.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** What a backup would do, once it is known. */
export interface PlanState {
  readonly plan?: BackupPlan;
  readonly warnings: readonly WarningEvent[];
  readonly failure?: Failure;
  readonly cursor: ListCursor;
}

export const NO_PLAN: PlanState = { warnings: [], cursor: AT_TOP };

export type PlanAction =
  | { type: "planning" }
  | { type: "planned"; plan: BackupPlan }
  | { type: "warned"; warning: WarningEvent }
  | { type: "failed"; failure: Failure }
  | { type: "move"; command: MoveCommand; page: number };

/** The plan after something has come, or was pressed. */
export function reducePlan(state: PlanState, action: PlanAction): PlanState {
  switch (action.type) {
    case "planning":
      return NO_PLAN;
    case "planned":
      return { ...state, plan: action.plan };
    case "warned":
      return { ...state, warnings: [...state.warnings, action.warning] };
    case "failed":
      return { ...state, failure: action.failure };
    case "move": {
      const size = { count: state.plan?.queues.length ?? 0, page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
  }
}
