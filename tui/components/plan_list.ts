import { escapeText, queueLabel } from "../../src/console/text/escape.ts";
import type { WarningEvent } from "../../src/engine/events.ts";
import type { Failure } from "../app/failure.ts";
import type { MoveCommand } from "../app/keys.ts";
import { span } from "./line.tsx";
import { AT_TOP, type ListCursor, moved } from "./list_cursor.ts";
import type { TableColumn } from "./table_layout.ts";

/** What a backup or a restore would do to each queue, once it is known. */
export interface PlanList<Plan extends { readonly queues: readonly unknown[] }> {
  readonly plan?: Plan;
  readonly warnings: readonly WarningEvent[];
  readonly failure?: Failure;
  readonly cursor: ListCursor;
}

export const UNPLANNED: PlanList<never> = { warnings: [], cursor: AT_TOP };

export type PlanListAction<Plan> =
  | { type: "planned"; plan: Plan }
  | { type: "warned"; warning: WarningEvent }
  | { type: "failed"; failure: Failure }
  | { type: "move"; command: MoveCommand; page: number };

/** The plan after something has come, or was pressed; whatever else the state holds stays. */
export function reducePlanList<
  Plan extends { readonly queues: readonly unknown[] },
  State extends PlanList<Plan>,
>(state: State, action: PlanListAction<Plan>): State {
  switch (action.type) {
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

interface PlannedRow {
  readonly vhost: string;
  readonly queue: string;
  readonly queueType: string;
}

/** The first columns of each plan. */
export function queueColumns<Row extends PlannedRow>(): TableColumn<Row>[] {
  return [
    { title: "QUEUE", width: "fill", cell: ({ vhost, queue }) => span(queueLabel(vhost, queue)) },
    {
      title: "TYPE",
      width: 7,
      rank: 1,
      cell: ({ queueType }) => span(escapeText(queueType), "dim"),
    },
  ];
}
