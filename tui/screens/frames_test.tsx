import assert from "node:assert/strict";
import { widthOf } from "../../src/console/text/width.ts";
import { screenArea } from "../app/frame.tsx";
import { TextLines } from "../components/text_lines.tsx";
import type { Screen } from "../app/screen.ts";
import { GLOBAL_KEYS, keyLabel } from "../app/keys.ts";
import {
  hasColors,
  plainFrame,
  quietNavigator,
  renderFrame,
  renderNavigator,
  SIZES,
  stillScreen,
} from "../testing/render_frame.tsx";
import { themeOf } from "../theme/theme.ts";
import { NOW, QUEUES, sampleQueue } from "../testing/samples.ts";
import { NO_QUEUES, ORDER, reduceQueues } from "./queues/state.ts";
import { queuesPage, QueuesView } from "./queues/view.tsx";
import { NOT_ASKED, reduceStart } from "./start/state.ts";
import { StartView } from "./start/view.tsx";
import { messagesSample } from "../testing/restore_samples.ts";
import { MessagesView } from "./messages/view.tsx";
import { PICTURES } from "../testing/pictures.tsx";

for (const [name, { screens, shows }] of Object.entries(PICTURES)) {
  for (const size of SIZES) {
    const { columns, rows } = size;
    Deno.test(`the screen "${name}" fits ${columns} x ${rows} and shows what matters`, () => {
      const frame = renderFrame(screens, size);
      const lines = plainFrame(frame).split("\n");
      assert.equal(lines.length, rows - 1, frame);
      for (const line of lines) assert.ok(widthOf(line) <= columns, line);
      for (const pattern of shows) assert.match(plainFrame(frame), pattern);
      assert.match(
        lines.at(-1)!,
        ["confirm", "connect", "target"].includes(name) ? /esc cancel/ : /\? help/,
      );
    });

    Deno.test(`the screen "${name}" says the same in colour at ${columns} x ${rows}`, () => {
      const plain = renderFrame(screens, size);
      const colored = renderFrame(screens, { ...size, color: true });
      assert.equal(plainFrame(colored), plainFrame(plain));
      assert.ok(hasColors(colored));
      // Of the 16 that every terminal has.
      assert.doesNotMatch(colored, /[34]8[;:]/);
      assert.ok(!hasColors(plain));
    });
  }

  Deno.test(`the help of the screen "${name}" has all of its keys`, () => {
    const navigator = quietNavigator();
    for (const screen of screens) navigator.open(screen);
    // Where something is typed, a question mark is just that.
    if (navigator.screen.typing !== undefined) return;
    const size = { columns: 200, rows: 50 };
    const area = screenArea(size, themeOf({ color: false, unicode: true }));
    navigator.press({ name: "?", text: "?" }, area);
    const help = plainFrame(renderNavigator(navigator, size));
    for (const { keys, help: does } of [...navigator.bindings(), ...GLOBAL_KEYS]) {
      const label = keyLabel(keys[0]!, { unicode: true });
      const line = help.split("\n").find((line) => line.endsWith(`   ${does}`));
      assert.ok(line?.trimStart().startsWith(label), `${label} ${does}\n${help}`);
    }
  });

  Deno.test(`no key of the screen "${name}" has two meanings, and none is that which always stops`, () => {
    const keys = screens.at(-1)!.keys().flatMap((binding) => binding.keys);
    assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) !== index), []);
    assert.ok(!keys.includes("ctrl-c"));
  });

  Deno.test(`the screen "${name}" can be drawn in ASCII`, () => {
    const frame = plainFrame(renderFrame(screens, { columns: 80, rows: 24, unicode: false }));
    assert.match(frame, /^[\n -~]*$/);
  });
}

Deno.test("a terminal that is too small says so, and how large it has to be", () => {
  const frame = renderFrame(PICTURES.queues!.screens, { columns: 59, rows: 20 });
  assert.match(frame, /This terminal has 59 x 20.\n60 x 20 are needed/);
});

const SMALLEST = { columns: 60, rows: 20 };
const AREA = screenArea(SMALLEST, themeOf({ color: false, unicode: true }));

function seen(render: Screen["render"]): string {
  return plainFrame(renderFrame([stillScreen({ title: "One", render })], SMALLEST));
}

Deno.test("in the smallest terminal a sign says what reading a queue does to it", () => {
  const frame = plainFrame(renderFrame(PICTURES.queues!.screens, SMALLEST));
  assert.match(frame, /● +! +invoices/);
  assert.match(frame, /· +✖ +session\.limited/);
  assert.match(frame, /· +emails/);
});

Deno.test("lists and texts that are cut say in which direction there is more", () => {
  const queues = Array.from({ length: 40 }, (_, at) => sampleQueue(`q${at + 10}`));
  let state = reduceQueues(NO_QUEUES, { type: "listed", cluster: "c", queues });
  const list = () => seen((area) => <QueuesView state={state} area={area} />);
  assert.match(list(), /^› ·.*q10/m);
  assert.match(list(), /^ ▼·.*q18/m);
  const last = { type: "move", command: "last", page: queuesPage(AREA) } as const;
  state = reduceQueues(state, { type: "pick", action: last });
  assert.match(list(), /^ ▲·.*q41/m);
  assert.match(list(), /^› ·.*q49/m);

  const lines = Array.from({ length: 30 }, (_, at) => `line ${at}.`);
  const text = (top: number) => seen((area) => <TextLines lines={lines} top={top} area={area} />);
  assert.match(text(0), /line 12\.\n +▼ more below/);
  assert.match(text(1), /▲▼ more below/);
  assert.match(text(99), /line 29\.\n +▲ more above/);
  const short = lines.slice(0, AREA.rows);
  assert.doesNotMatch(seen((area) => <TextLines lines={short} top={0} area={area} />), /more/);

  const navigator = quietNavigator();
  navigator.open(PICTURES.queues!.screens.at(-1)!);
  navigator.press({ name: "?", text: "?" }, AREA);
  assert.match(plainFrame(renderNavigator(navigator, SMALLEST)), /▼ more below/);
  navigator.press({ name: "end" }, AREA);
  assert.match(plainFrame(renderNavigator(navigator, SMALLEST)), /▲ more above/);
});

Deno.test("a filter that finds nothing says so", () => {
  const all = reduceQueues(NO_QUEUES, { type: "listed", cluster: "c", queues: QUEUES });
  const none = reduceQueues(all, { type: "pick", action: { type: "typeFilter", text: "zzz" } });
  const frame = seen((area) => <QueuesView state={none} area={area} />);
  assert.match(frame, /0 of 6 queues: nothing matches +\/zzz/);
});

Deno.test("--read-only hides what writes, and says that it is on", () => {
  const size = { columns: 80, rows: 24 };
  const { screens } = PICTURES.plan!;
  assert.match(plainFrame(renderFrame(screens, size)), /Enter start the backup/);
  const frame = plainFrame(renderFrame(screens, { ...size, readOnly: true }));
  assert.doesNotMatch(frame, /start the backup/);
  assert.match(frame, /READ-ONLY/);
});

Deno.test("whatever the list is sorted by stands at the title of its column", () => {
  const vhosts = QUEUES.map((queue, index) => ({ ...queue, vhost: index < 3 ? "/" : "shop" }));
  let state = reduceQueues(NO_QUEUES, { type: "listed", cluster: "c", queues: vhosts });
  for (const column of Object.keys(ORDER)) {
    const screen = stillScreen({
      title: "Back up",
      render: (area) => <QueuesView state={state} area={area} />,
    });
    const frame = plainFrame(renderFrame([screen], { columns: 200, rows: 50 }));
    const title = { rate: "IN/S", name: "QUEUE" }[column] ?? column.toUpperCase();
    assert.match(frame, new RegExp(` ${title}[▲▼]( |$)`, "m"), column);
    state = reduceQueues(state, { type: "pick", action: { type: "sort" } });
  }
});

Deno.test("the list of messages has their own timestamps beside the time of reading, given room", () => {
  const [first, ...others] = messagesSample().rows;
  const timestamp = { name: "timestamp", type: "timestamp", value: "2024-12-31T23:59:59.000Z" };
  const details = () => ({ properties: [timestamp], headers: [], annotations: [] });
  const state = { ...messagesSample(), rows: [{ ...first!, details }, ...others] };
  const screen = stillScreen({
    title: "orders",
    render: (area) => (
      <MessagesView state={state} queue={{ vhost: "/", name: "orders" }} area={area} />
    ),
  });
  const frame = plainFrame(renderFrame([screen], { columns: 120, rows: 24 }));
  assert.match(frame, /READ +TIMESTAMP/);
  assert.match(frame, / 1 +2025-03-03 02:00:00 UTC +2024-12-31 23:59:59 UTC +order/);
});

Deno.test("what fails at the start is told in the smallest terminal, broker and storage both", () => {
  const failed = (message: string) =>
    ({ state: "failed", failure: { message, hint: "a way out" } }) as const;
  let state = reduceStart(NOT_ASKED, { type: "broker", answer: failed("Cannot reach mq") });
  state = reduceStart(state, { type: "backups", answer: failed("Cannot read /backups") });
  const screen = stillScreen({
    title: "Start",
    render: (area) => <StartView state={state} area={area} now={NOW} />,
  });
  const frame = plainFrame(renderFrame([screen], { columns: 60, rows: 20 }));
  for (const shown of [/Cannot reach mq/, /Cannot read \/backups/, /Open +another/]) {
    assert.match(frame, shown);
  }
});
