import assert from "node:assert/strict";
import { PLANNED, QUEUES, sampleQueue } from "../../testing/samples.ts";
import { themeOf } from "../../theme/theme.ts";
import { queueChoice } from "./choice.ts";
import { chosenRows, type Picker, type PickerAction } from "../../components/picker.ts";
import { pickerStatus } from "../../components/picker_status.tsx";
import {
  NO_QUEUES,
  ORDER,
  type QueueRow,
  type QueuesAction,
  type QueuesState,
  reduceQueues,
} from "./state.ts";

const LISTED = { type: "listed", cluster: "c", queues: QUEUES } as const;

type Action = PickerAction<QueueRow>;

/** The list after these keys. */
function after(...actions: Action[]): Picker<QueueRow> {
  return pick(reduceQueues(NO_QUEUES, LISTED), ...actions);
}

function pick(state: QueuesState, ...actions: Action[]): Picker<QueueRow> {
  return told(state, ...actions.map((action) => ({ type: "pick", action }) as const)).picker;
}

function told(state: QueuesState, ...actions: QueuesAction[]): QueuesState {
  return actions.reduce(reduceQueues, state);
}

/** A state with this list. */
const having = (picker: Picker<QueueRow>): QueuesState => ({ ...NO_QUEUES, picker });

const page = 10;
const move = (command: "up" | "down" | "first" | "last") =>
  ({ type: "move", command, page }) as const;
const names = (rows: readonly QueueRow[]) => rows.map(({ queue }) => queue.name);

Deno.test("without marks all queues are meant, else those that are marked, hidden or not", () => {
  assert.equal(chosenRows(after()).length, QUEUES.length);
  const marked = after({ type: "mark", page }, { type: "mark", page });
  assert.deepEqual(names(chosenRows(marked)), ["audit", "emails"]);
  const hidden = pick(having(marked), { type: "typeFilter", text: "orders" });
  assert.deepEqual(names(hidden.shown), ["orders", "orders.dead"]);
  assert.deepEqual(names(chosenRows(hidden)), ["audit", "emails"]);
  assert.equal(
    chosenRows(pick(having(marked), { type: "clearMarks", page })).length,
    QUEUES.length,
  );
});

Deno.test("without marks a filter means those that it shows, and the line says so", () => {
  const filtered = after({ type: "typeFilter", text: "orders" }, { type: "keepFilter" });
  assert.deepEqual(names(chosenRows(filtered)), ["orders", "orders.dead"]);
  const theme = themeOf({ color: false, unicode: false });
  const line = (picker: Picker<QueueRow>) =>
    pickerStatus(picker, { noun: "queue", theme }).map(({ text }) => text).join("");
  assert.match(line(filtered), /2 of 6 queues, none marked: the 2 shown are meant/);
  assert.match(line(after()), /6 queues, none marked: all are meant/);
  const none = after({ type: "typeFilter", text: "no such" });
  assert.deepEqual(chosenRows(none), []);
});

Deno.test("marks go by range, by type, and by what is shown", () => {
  const range = after({ type: "mark", page }, move("down"), move("down"), {
    type: "markRange",
    page,
  });
  assert.deepEqual(names(chosenRows(range)), ["audit", "emails", "invoices", "orders"]);
  const type = after(move("last"), { type: "markType", page });
  assert.deepEqual(names(chosenRows(type)), ["invoices", "session.limited"]);
  const shown = after({ type: "typeFilter", text: "orders" }, { type: "markAll", page });
  assert.deepEqual(names(chosenRows(shown)), ["orders", "orders.dead"]);
  assert.equal(pick(having(shown), { type: "markAll", page }).marked.size, 0);
});

Deno.test("the filter is typed, erased, kept and dropped", () => {
  const typed = after({ type: "editFilter" }, { type: "typeFilter", text: "ox" }, {
    type: "erase",
  });
  assert.equal(typed.filter, "o");
  assert.equal(typed.isFiltering, true);
  const kept = pick(having(typed), { type: "keepFilter" });
  assert.deepEqual([kept.isFiltering, kept.filter], [false, "o"]);
  const dropped = pick(having(typed), { type: "dropFilter" });
  assert.deepEqual([dropped.filter, dropped.shown.length], ["", QUEUES.length]);
});

Deno.test("sorting keeps the cursor on its queue, as does a new listing", () => {
  const state = after(move("down"), { type: "sort" }, { type: "sort" });
  assert.equal(state.order, 2);
  assert.deepEqual(names(state.shown).slice(0, 3), ["audit", "orders", "invoices"]);
  assert.equal(state.shown[state.cursor.index]?.queue.name, "emails");
  const more = [sampleQueue("aaa"), ...QUEUES];
  const listed = reduceQueues(having(state), { ...LISTED, queues: more }).picker;
  assert.equal(listed.shown[listed.cursor.index]?.queue.name, "emails");
  assert.deepEqual(names(after({ type: "reverse" }).shown)[0], "session.limited");
});

Deno.test("queues that are gone are marked no longer; hazards stay with theirs", () => {
  const state = told(
    NO_QUEUES,
    LISTED,
    { type: "planned", queues: PLANNED },
    { type: "pick", action: { type: "mark", page } },
  );
  assert.equal(state.picker.marked.size, 1);
  const { picker: listed } = reduceQueues(state, { ...LISTED, queues: QUEUES.slice(1) });
  assert.equal(listed.marked.size, 0);
  assert.equal(listed.rows.at(-1)?.hazard?.verdict, "refused");
});

Deno.test("every column sorts, figures with the highest first", () => {
  const queue = (vhost: string, name: string, parts: Partial<(typeof QUEUES)[number]>) => ({
    ...sampleQueue(name, parts),
    vhost,
  });
  const queues = [
    queue("a", "z", { type: "quorum", messagesReady: 1, consumers: 7 }),
    queue("a", "zz", { type: "stream", messagesReady: 3, publishRate: 9 }),
    queue("b", "y", { type: "classic", messagesReady: 2, messagesUnacknowledged: 8 }),
  ];
  let state = told(NO_QUEUES, { ...LISTED, queues }, {
    type: "planned",
    queues: [{ ...PLANNED.at(-1)!, vhost: "b", queue: "y" }],
  });
  const first: Record<string, string> = {};
  for (const [column, index] of Object.entries(ORDER)) {
    assert.equal(state.picker.order, index);
    first[column] = names(state.picker.shown)[0]!;
    state = told(state, { type: "pick", action: { type: "sort" } });
  }
  assert.equal(state.picker.order, ORDER.vhost);
  assert.deepEqual(first, {
    vhost: "z",
    type: "y",
    ready: "zz",
    unacked: "y",
    rate: "zz",
    consumers: "z",
    hazard: "y",
    name: "y",
  });
});

const named = (vhost: string, name: string) => ({ vhost, name });

Deno.test("chosen queues become names and vhosts, also as flags", () => {
  const all = [named("/", "a"), named("/", "b*"), named("shop", "a"), named("shop", "c d")];
  const choice = (...chosen: typeof all) => queueChoice({ all, chosen, at: "source.queues" });
  assert.deepEqual(choice(...all).flags, []);
  assert.deepEqual(choice(all[1]!).flags, ["--vhost", "/", "--include", "'b\\*'"]);
  assert.deepEqual(choice(all[2]!, all[3]!).flags, ["--vhost", "shop"]);
  assert.deepEqual(choice(all[3]!).overrides.map(({ path, value }) => [path.join("."), value]), [
    ["source.queues.include", ["c d"]],
    ["source.queues.vhosts", ["shop"]],
  ]);
  const crossed = choice(all[0]!, all[3]!);
  assert.deepEqual(crossed.flags, ["--include", "a", "--include", "'c d'"]);
  assert.equal(crossed.alongside, 1);
});
