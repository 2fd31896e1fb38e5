import type { RestorePlan } from "../../../src/engine/plan_types.ts";
import {
  type PlanList,
  type PlanListAction,
  reducePlanList,
  UNPLANNED,
} from "../../components/plan_list.ts";

/** What to do with queues that hold messages already, the safest first. */
export const IF_NOT_EMPTY = ["fail", "skip", "append"] as const;

/** What a person may change about a restore, beside its queues. */
export interface RestoreWishes {
  /** Absent: as the configuration says. */
  readonly ifNotEmpty?: (typeof IF_NOT_EMPTY)[number];
  readonly definitions?: boolean;
  /** Times as they are typed, of messages as the backup read them: `yesterday 14:00 .. 15:00`. */
  readonly window: string;
}

/** What a restore would do, once it is known. */
export interface RestorePlanState extends PlanList<RestorePlan> {
  readonly wishes: RestoreWishes;
  readonly isEditing: boolean;
  /** While it is edited: the time as it was. */
  readonly before?: string;
}

export const NO_RESTORE_PLAN: RestorePlanState = {
  ...UNPLANNED,
  wishes: { window: "" },
  isEditing: false,
};

export type RestorePlanAction =
  | { type: "planning" }
  | PlanListAction<RestorePlan>
  | { type: "editWindow" | "keepWindow" | "dropWindow" }
  | WishAction;

type WishAction =
  | { type: "nextIfNotEmpty" | "definitions" | "eraseWindow" }
  | { type: "typeWindow"; text: string };

/** The plan after something has come, or was pressed. */
export function reduceRestorePlan(
  state: RestorePlanState,
  action: RestorePlanAction,
): RestorePlanState {
  switch (action.type) {
    case "planning":
      return { ...NO_RESTORE_PLAN, wishes: state.wishes };
    case "planned":
    case "warned":
    case "failed":
    case "move":
      return reducePlanList(state, action);
    case "editWindow":
      return { ...state, isEditing: true, before: state.wishes.window };
    case "keepWindow":
      return { ...state, isEditing: false };
    case "dropWindow":
      return {
        ...state,
        isEditing: false,
        wishes: { ...state.wishes, window: state.before ?? "" },
      };
    default:
      return { ...state, wishes: changed(state.wishes, action) };
  }
}

/** Whether the plan has something to do that nothing stands against. */
export function canRestore({ plan }: RestorePlanState): boolean {
  return plan !== undefined && plan.refused === undefined &&
    plan.definitions?.blocked === undefined &&
    plan.queues.some(({ action }) => action !== "skip");
}

function changed(wishes: RestoreWishes, action: WishAction): RestoreWishes {
  switch (action.type) {
    case "nextIfNotEmpty": {
      const index = IF_NOT_EMPTY.indexOf(wishes.ifNotEmpty ?? "fail");
      return { ...wishes, ifNotEmpty: IF_NOT_EMPTY[(index + 1) % IF_NOT_EMPTY.length]! };
    }
    case "definitions":
      return { ...wishes, definitions: !(wishes.definitions ?? false) };
    case "eraseWindow":
      return { ...wishes, window: [...wishes.window].slice(0, -1).join("") };
    case "typeWindow":
      return { ...wishes, window: wishes.window + action.text };
  }
}
