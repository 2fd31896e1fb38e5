import type { Failure } from "../../app/failure.ts";

/** Something that is asked for, and told in lines. */
export interface ReportState {
  /** Absent while it is asked for. */
  readonly lines?: readonly string[];
  readonly failure?: Failure;
  /** The first line that is seen. */
  readonly top: number;
}

export const NOT_TOLD: ReportState = { top: 0 };

export type ReportAction =
  | { type: "asking" }
  | { type: "told"; lines: readonly string[] }
  | { type: "failed"; failure: Failure }
  | { type: "scroll"; top: number };

/** The report after it has come, or was scrolled. */
export function reduceReport(state: ReportState, action: ReportAction): ReportState {
  switch (action.type) {
    case "asking":
      return NOT_TOLD;
    case "told":
      return { lines: action.lines, top: 0 };
    case "failed":
      return { failure: action.failure, top: 0 };
    case "scroll":
      return { ...state, top: action.top };
  }
}
