import assert from "node:assert/strict";
import { widthOf } from "../../src/console/text/width.ts";
import { screenArea } from "../app/frame.tsx";
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
import { NOW, QUEUES } from "../testing/samples.ts";
import { NO_QUEUES, ORDER, reduceQueues } from "./queues/state.ts";
import { QueuesView } from "./queues/view.tsx";
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
