import type { BackupPlan } from "../../../src/engine/plan_types.ts";
import {
  type PlanList,
  type PlanListAction,
  reducePlanList,
  UNPLANNED,
} from "../../components/plan_list.ts";

/** What a backup would do, once it is known. */
export type PlanState = PlanList<BackupPlan>;

export const NO_PLAN: PlanState = UNPLANNED;

export type PlanAction = { type: "planning" } | PlanListAction<BackupPlan>;

/** The plan after something has come, or was pressed. */
export function reducePlan(state: PlanState, action: PlanAction): PlanState {
  return action.type === "planning" ? NO_PLAN : reducePlanList(state, action);
}
