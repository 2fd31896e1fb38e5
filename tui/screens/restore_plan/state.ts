import type { Override } from "../../../src/config/overrides.ts";
import type { RestorePlan } from "../../../src/engine/plan_types.ts";
import {
  type PlanList,
  type PlanListAction,
  reducePlanList,
  UNPLANNED,
} from "../../components/plan_list.ts";

/** Values of settings by the names of their flags: a text, or that a switch is set. */
export type OptionValues = Readonly<Record<string, string | true>>;

/** A broker that was told on the way, in place of the one that is configured. */
export interface TargetChoice {
  readonly overrides: readonly Override[];
  readonly flags: readonly string[];
}

/** What a person may change about a restore, beside its queues. */
export interface RestoreWishes {
  /** Both ends, in absolute times: `2025-03-04T05:06:07Z .. 2025-03-04T06:00:00Z`. */
  readonly window: string;
  /** What is not in it is as the configuration says. */
  readonly options: OptionValues;
  readonly target?: TargetChoice | undefined;
}

/** What is wished of the restore of one backup; it lasts until another one is chosen. */
export interface RestoreDraft {
  readonly backupId: string;
  wishes: RestoreWishes;
}

/** What a restore would do, once it is known. */
export interface RestorePlanState extends PlanList<RestorePlan> {
  readonly wishes: RestoreWishes;
}

/** All as it is configured. */
export const NO_WISHES: RestoreWishes = { window: "", options: {} };

export const NO_RESTORE_PLAN: RestorePlanState = { ...UNPLANNED, wishes: NO_WISHES };

export type RestorePlanAction =
  | { type: "planning" }
  | PlanListAction<RestorePlan>
  | { type: "wish"; wishes: Partial<RestoreWishes> }
  | { type: "nextIfNotEmpty" | "definitions" };

/** The plan after something has come, or was pressed. */
export function reduceRestorePlan(
  state: RestorePlanState,
  action: RestorePlanAction,
): RestorePlanState {
  const { wishes } = state;
  switch (action.type) {
    case "planning":
      return { ...NO_RESTORE_PLAN, wishes };
    case "wish":
      return { ...state, wishes: { ...wishes, ...action.wishes } };
    case "nextIfNotEmpty":
      return { ...state, wishes: { ...wishes, options: withNext(wishes.options) } };
    case "definitions": {
      const { "restore-definitions": isSet, ...others } = wishes.options;
      const options = isSet === undefined ? { ...others, "restore-definitions": true } : others;
      return { ...state, wishes: { ...wishes, options: options as OptionValues } };
    }
    default:
      return reducePlanList(state, action);
  }
}

/** Whether the plan has something to do that nothing stands against. */
export function canRestore({ plan }: RestorePlanState): boolean {
  return plan !== undefined && plan.refused === undefined &&
    plan.definitions?.blocked === undefined &&
    plan.queues.some(({ action }) => action !== "skip");
}

/** What to do with queues that hold messages already, the safest first. */
const IF_NOT_EMPTY = ["fail", "skip", "append"];

function withNext(options: OptionValues): OptionValues {
  const index = IF_NOT_EMPTY.indexOf(String(options["if-not-empty"] ?? "fail"));
  return { ...options, "if-not-empty": IF_NOT_EMPTY[(index + 1) % IF_NOT_EMPTY.length]! };
}
