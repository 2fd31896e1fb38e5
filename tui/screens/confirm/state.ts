import { type EraseCommand, erased } from "../../components/text_field.ts";

/** A question that is answered by typing a name. */
export interface ConfirmState {
  readonly typed: string;
  /** The safe one has the focus at first. */
  readonly focus: "cancel" | "confirm";
  /** The last key went into the name, not to a button. */
  readonly isTyping: boolean;
  /** The answer was not the name. */
  readonly isWrong: boolean;
}

export const UNANSWERED: ConfirmState = {
  typed: "",
  focus: "cancel",
  isTyping: false,
  isWrong: false,
};

export type ConfirmAction =
  | { type: "type"; text: string }
  | { type: EraseCommand | "otherButton" | "toConfirm" | "wrong" };

/** The question after a key. */
export function reduceConfirm(state: ConfirmState, action: ConfirmAction): ConfirmState {
  switch (action.type) {
    case "type":
      return { ...state, typed: state.typed + action.text, isTyping: true, isWrong: false };
    case "otherButton":
      return {
        ...state,
        focus: state.focus === "cancel" ? "confirm" : "cancel",
        isTyping: false,
        isWrong: false,
      };
    case "toConfirm":
      return { ...state, focus: "confirm", isTyping: false, isWrong: false };
    case "wrong":
      return { ...state, isWrong: true };
    default:
      return { ...state, typed: erased(state.typed, action.type), isTyping: true, isWrong: false };
  }
}
