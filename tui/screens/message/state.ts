import { BODY_FORMS, type BodyForm } from "../../../src/console/text/message_text.ts";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** One message, all of it. */
export interface MessageState {
  readonly number: number;
  readonly message?: StoredMessage | undefined;
  readonly form: BodyForm;
  /** The first line that is seen. */
  readonly top: number;
  readonly failure?: Failure;
}

export function messageState(number: number): MessageState {
  return { number, form: "auto", top: 0 };
}

export type MessageAction =
  | { type: "goTo"; number: number }
  | { type: "read"; message: StoredMessage | undefined }
  | { type: "failed"; failure: Failure }
  | { type: "nextForm" }
  | { type: "scroll"; command: MoveCommand; page: number; lines: number };

/** The message after it was read, or a key was pressed. */
export function reduceMessage(state: MessageState, action: MessageAction): MessageState {
  switch (action.type) {
    case "goTo":
      return { ...messageState(action.number), form: state.form };
    case "read":
      return { ...state, message: action.message };
    case "failed":
      return { ...state, failure: action.failure };
    case "nextForm": {
      const index = BODY_FORMS.indexOf(state.form);
      return { ...state, form: BODY_FORMS[(index + 1) % BODY_FORMS.length]!, top: 0 };
    }
    case "scroll":
      return { ...state, top: scrolled(state.top, action) };
  }
}

function scrolled(
  top: number,
  { command, page, lines }: { command: MoveCommand; page: number; lines: number },
): number {
  const tops: ListCursor = { ...AT_TOP, index: top };
  return moved(tops, command, { count: Math.max(1, lines - page + 1), page }).index;
}
