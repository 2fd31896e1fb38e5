import type { Finding } from "../../../src/engine/doctor/findings.ts";
import type { Side } from "../../../src/engine/doctor/needs.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** What a configuration would do, as far as it was tried. */
export interface DoctorState {
  readonly side: Side;
  readonly isRunning: boolean;
  readonly findings: readonly Finding[];
  readonly failure?: Failure | undefined;
  readonly cursor: ListCursor;
}

export const NOT_EXAMINED: DoctorState = {
  side: "backup",
  isRunning: false,
  findings: [],
  cursor: AT_TOP,
};

export type DoctorAction =
  | { type: "begun"; side: Side }
  | { type: "found"; finding: Finding }
  | { type: "ended" }
  | { type: "failed"; failure: Failure }
  | { type: "move"; command: MoveCommand; page: number };

/** The findings after another has come, or a key was pressed. */
export function reduceDoctor(state: DoctorState, action: DoctorAction): DoctorState {
  switch (action.type) {
    case "begun":
      return { ...NOT_EXAMINED, side: action.side, isRunning: true };
    case "found":
      return { ...state, findings: [...state.findings, action.finding] };
    case "ended":
      return { ...state, isRunning: false };
    case "failed":
      return { ...state, isRunning: false, failure: action.failure };
    case "move": {
      const size = { count: state.findings.length, page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
  }
}
