import type { MoveCommand } from "../app/keys.ts";

/** Where a person is in a list, and which line is the first that is seen. */
export interface ListCursor {
  readonly index: number;
  readonly top: number;
}

/** The length of a list, and how many of its lines are seen. */
export interface ListSize {
  readonly count: number;
  readonly page: number;
}

export const AT_TOP: ListCursor = { index: 0, top: 0 };

/** The cursor after a movement; the list scrolls only when it would leave the page. */
export function moved(cursor: ListCursor, command: MoveCommand, size: ListSize): ListCursor {
  switch (command) {
    case "up":
      return movedTo(cursor.index - 1, cursor, size);
    case "down":
      return movedTo(cursor.index + 1, cursor, size);
    case "pageUp":
      return movedTo(cursor.index - size.page, cursor, size);
    case "pageDown":
      return movedTo(cursor.index + size.page, cursor, size);
    case "first":
      return movedTo(0, cursor, size);
    case "last":
      return movedTo(size.count - 1, cursor, size);
  }
}

/** The cursor on a line, as near as the list has it. */
export function movedTo(index: number, { top }: ListCursor, size: ListSize): ListCursor {
  const at = Math.max(0, Math.min(index, size.count - 1));
  return { index: at, top: topFor(at, { top, ...size }) };
}

/** The lines that are seen: from, and up to but without. Right after a resize, too. */
export function visible({ index, top }: ListCursor, size: ListSize): { from: number; to: number } {
  const from = topFor(Math.max(0, Math.min(index, size.count - 1)), { top, ...size });
  return { from, to: Math.min(size.count, from + size.page) };
}

function topFor(index: number, { top, count, page }: { top: number } & ListSize): number {
  const last = Math.max(0, count - page);
  return Math.max(0, Math.min(Math.max(Math.min(top, index), index - page + 1), last));
}
