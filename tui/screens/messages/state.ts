import type { InspectedPart } from "../../../src/engine/inspect/read_messages.ts";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved, visible } from "../../components/list_cursor.ts";
import { type EraseCommand, erased } from "../../components/text_field.ts";

/** Messages that are read at once, and how many of them stand before those that are seen. */
export const READ_ROWS = 400;
const ROWS_BEFORE = 150;
/** A search ends when it has found so many. */
export const MOST_FOUND = 2_000;

/** A search through all of a queue, as far as it has come. */
export interface Search {
  readonly text: string;
  /** Number of the last message that was looked at. */
  readonly looked: number;
  readonly found: readonly StoredMessage[];
  readonly isDone: boolean;
}

/** The messages of a queue of a backup: a part of them, around those that are seen. */
export interface MessagesState {
  /** All of the queue, once known. */
  readonly total?: number;
  /** Without gaps, from any number on. */
  readonly rows: readonly StoredMessage[];
  /** Index among all messages of the queue, or those that were found. */
  readonly cursor: ListCursor;
  /** What is typed to be searched for, while it is. */
  readonly typed?: string | undefined;
  readonly search?: Search | undefined;
  readonly failure?: Failure;
}

export const NOT_OPENED: MessagesState = { rows: [], cursor: AT_TOP };

export type MessagesAction =
  | { type: "opened"; total: number }
  | { type: "read"; rows: readonly StoredMessage[] }
  | { type: "failed"; failure: Failure }
  | { type: "move"; command: MoveCommand; page: number }
  | { type: "goTo"; number: number; page: number }
  | { type: "looked"; part: InspectedPart }
  | { type: "searched" }
  | TypingAction;

type TypingAction =
  | { type: "editSearch" | "cancelSearch" | "startSearch" | "dropSearch" | EraseCommand }
  | { type: "typeSearch"; text: string };

/** The list after something has come, or was pressed. */
export function reduceMessages(state: MessagesState, action: MessagesAction): MessagesState {
  switch (action.type) {
    case "opened":
      return { ...state, total: action.total };
    case "read":
      return { ...state, rows: action.rows };
    case "failed":
      return { ...state, failure: action.failure };
    case "move": {
      const size = { count: countOf(state), page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
    case "goTo":
      return { ...state, cursor: cursorAt(state, action) };
    case "looked":
      return state.search === undefined
        ? state
        : { ...state, search: withPart(state.search, action.part) };
    case "searched":
      return state.search === undefined
        ? state
        : { ...state, search: { ...state.search, isDone: true } };
    default:
      return reduceTyping(state, action);
  }
}

function reduceTyping(state: MessagesState, action: TypingAction): MessagesState {
  const typed = state.typed ?? "";
  switch (action.type) {
    case "editSearch":
      return { ...state, typed: state.search?.text ?? "" };
    case "cancelSearch":
      return { ...state, typed: undefined };
    case "startSearch":
      return typed === "" ? withoutSearch(state) : {
        ...state,
        typed: undefined,
        search: { text: typed, looked: 0, found: [], isDone: false },
        cursor: AT_TOP,
      };
    case "dropSearch":
      return withoutSearch(state);
    case "typeSearch":
      return { ...state, typed: typed + action.text };
    default:
      return { ...state, typed: erased(typed, action.type) };
  }
}

/** All messages again, with the cursor on the one that it was on. */
function withoutSearch(state: MessagesState): MessagesState {
  const { search: _search, ...rest } = state;
  const index = Math.max(0, (currentMessage(state)?.number ?? 1) - 1);
  return { ...rest, typed: undefined, cursor: { index, top: index } };
}

function withPart(search: Search, { looked, found }: InspectedPart): Search {
  if (found.length === 0) return { ...search, looked };
  return { ...search, looked, found: [...search.found, ...found].slice(0, MOST_FOUND) };
}

/** Lines of the list. */
export function countOf({ search, total = 0 }: MessagesState): number {
  return search?.found.length ?? total;
}

/** What is at a line of the list; undefined while it is not read. */
export function messageAt(
  { search, rows }: MessagesState,
  index: number,
): StoredMessage | undefined {
  return search === undefined ? rows[index + 1 - (rows[0]?.number ?? 1)] : search.found[index];
}

/** The message that the cursor is on. */
export function currentMessage(state: MessagesState): StoredMessage | undefined {
  return messageAt(state, state.cursor.index);
}

/** The number from which on messages have to be read, where some of those that are seen are not. */
export function missingFrom(state: MessagesState, page: number): number | undefined {
  const { cursor, search, total = 0 } = state;
  if (search !== undefined || total === 0) return undefined;
  const { from, to } = visible(cursor, { count: total, page });
  const isThere = (index: number) => messageAt(state, index) !== undefined;
  return isThere(from) && isThere(to - 1) ? undefined : Math.max(1, from + 1 - ROWS_BEFORE);
}

/** The number of the message before or behind another one, in the list as it is. */
export function neighbour(state: MessagesState, number: number, step: 1 | -1): number | undefined {
  const { search, total = 0 } = state;
  if (search === undefined) {
    const next = number + step;
    return next >= 1 && next <= total ? next : undefined;
  }
  const index = search.found.findIndex((one) => one.number === number);
  return search.found[index + step]?.number;
}

function cursorAt(
  state: MessagesState,
  { number, page }: { number: number; page: number },
): ListCursor {
  const { search, cursor } = state;
  const index = search === undefined
    ? number - 1
    : search.found.findIndex((one) => one.number === number);
  if (index < 0) return cursor;
  const { from } = visible({ ...cursor, index }, { count: countOf(state), page });
  return { index, top: from };
}
