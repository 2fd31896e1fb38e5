import assert from "node:assert/strict";
import { themeOf } from "../theme/theme.ts";
import { plainFrame, renderNavigator, stillScreen } from "../testing/render_frame.tsx";
import { MOVE_KEYS } from "./keys.ts";
import { Navigator } from "./navigator.ts";
import type { Screen } from "./screen.ts";

const AREA = { columns: 80, rows: 20, theme: themeOf({ color: false, unicode: true }) };

function newNavigator(readOnly = false) {
  const log: string[] = [];
  const navigator = new Navigator({
    readOnly,
    openLog: () => named("log"),
    copy: (text) => log.push(`copy ${text}`),
    save: (line) => Promise.resolve(`Saved ${line}`),
    quit: () => log.push("quit"),
    exitNow: () => log.push("exit now"),
  });
  const press = (...keys: string[]) => {
    for (const name of keys) {
      navigator.press(name.length === 1 ? { name, text: name } : { name }, AREA);
    }
  };
  return { navigator, log, press };
}

const named = (title: string, parts: Partial<Screen> = {}) =>
  stillScreen({ title, render: () => null, ...parts });

/** A screen whose work runs until it is stopped and has ended. */
function workingScreen(log: string[]) {
  let isRunning = true;
  let changed = () => {};
  const screen = named("work", {
    running: () => isRunning ? { what: "The work", stop: () => log.push("stop") } : undefined,
    subscribe: (listener) => {
      changed = listener;
      return () => {};
    },
  });
  const end = () => {
    isRunning = false;
    changed();
  };
  return { screen, end };
}

Deno.test("esc goes back one screen, whose work is aborted, and stays on the first", () => {
  const { navigator, press } = newNavigator();
  let signal: AbortSignal | undefined;
  navigator.open(named("one"));
  navigator.open(named("two", { open: (given) => signal = given }));
  assert.deepEqual(navigator.path, ["one", "two"]);
  assert.equal(signal?.aborted, false);
  press("esc");
  assert.deepEqual(navigator.path, ["one"]);
  assert.equal(signal?.aborted, true);
  press("esc");
  assert.deepEqual(navigator.path, ["one"]);
  assert.match(navigator.notice!, /q ends the program/);
});

Deno.test("the help is left for what it lists: the log, and the command", () => {
  const { navigator, log, press } = newNavigator();
  navigator.open(named("one", { commandLine: () => "rabbitmq-backup list" }));
  press("?", "L");
  assert.equal(navigator.isHelpOpen, false);
  assert.deepEqual(navigator.path, ["one", "log"]);
  press("esc", "?", "y");
  assert.deepEqual(log, ["copy rabbitmq-backup list"]);
  assert.equal(navigator.isHelpOpen, false);
});

Deno.test("what is typed into a field presses no keys, and pasted text none anywhere", () => {
  const { navigator, log, press } = newNavigator();
  let typed = "";
  navigator.open(named("field", { typing: { text: (text) => typed += text } }));
  press("q", "?", "y");
  navigator.paste("a\rb");
  assert.equal(typed, "q?ya b");
  assert.equal(navigator.isHelpOpen, false);
  navigator.open(named("list"));
  navigator.paste("q");
  assert.deepEqual(log, []);
});

Deno.test("q ends at once without work, and asks while work runs; Cancel has the focus", () => {
  const { navigator, log, press } = newNavigator();
  navigator.open(named("one"));
  press("q");
  assert.deepEqual(log, ["quit"]);
  const work = workingScreen(log);
  navigator.open(work.screen);
  press("q", "enter");
  assert.deepEqual(log, ["quit"]);
  press("q", "right", "enter");
  assert.deepEqual(log, ["quit", "stop"]);
  work.end();
  assert.deepEqual(log, ["quit", "stop", "quit"]);
});

Deno.test("y shows and copies the command that does the same, where there is one", () => {
  const { navigator, log, press } = newNavigator();
  navigator.open(named("one"));
  press("y");
  assert.match(navigator.notice!, /no command line/);
  navigator.open(named("two", { commandLine: () => "rabbitmq-backup list" }));
  press("y");
  assert.deepEqual(log, ["copy rabbitmq-backup list"]);
  assert.equal(navigator.question?.lines[0], "rabbitmq-backup list");
  press("enter");
  assert.equal(navigator.question, undefined);
});

Deno.test("the command that does the same can be saved, which is told", async () => {
  const { navigator, press } = newNavigator();
  navigator.open(named("one", { commandLine: () => 'x --amqp-url "$RABBITMQ_BACKUP_AMQP_URL"' }));
  press("y");
  assert.match(navigator.question!.lines.at(-1)!, /has to hold the URL/);
  press("right", "enter");
  await Promise.resolve();
  assert.match(navigator.notice!, /^Saved x --amqp-url/);
});

Deno.test("the help scrolls to its end where it is longer than the screen, and any other key closes it", () => {
  const { navigator } = newNavigator();
  const keys = Array.from(
    "abcdefgh",
    (key) => ({ keys: [key], command: key, help: `does ${key}` }),
  );
  navigator.open(named("one", { keys: () => [...keys, ...MOVE_KEYS] }));
  const small = { ...AREA, rows: 14 };
  const press = (name: string) => navigator.press({ name }, small);
  const seen = () => plainFrame(renderNavigator(navigator, { columns: 80, rows: 20 }));
  press("?");
  assert.match(seen(), /does a/);
  assert.doesNotMatch(seen(), /to the last/);
  press("end");
  assert.match(seen(), /to the last/);
  press("up");
  assert.doesNotMatch(seen(), /to the last/);
  press("esc");
  assert.equal(navigator.isHelpOpen, false);
});

Deno.test("esc does not leave a screen whose work runs", () => {
  const { navigator, log, press } = newNavigator();
  navigator.open(named("one"));
  navigator.open(workingScreen(log).screen);
  press("esc");
  assert.deepEqual(navigator.path, ["one", "work"]);
});

Deno.test("Ctrl-C stops work safely, the second time at once, and is heard over a question", () => {
  const { navigator, log, press } = newNavigator();
  navigator.open(workingScreen(log).screen);
  press("q", "ctrl-c");
  assert.deepEqual(log, ["stop"]);
  press("ctrl-c");
  assert.deepEqual(log, ["stop", "exit now"]);
});

Deno.test("with --read-only a key that writes does nothing", () => {
  for (const readOnly of [false, true]) {
    const { navigator, log, press } = newNavigator(readOnly);
    navigator.open(named("one", {
      keys: () => [{ keys: ["w"], command: "write", help: "", writes: true }],
      press: (command) => log.push(command),
    }));
    press("w");
    assert.deepEqual(log, readOnly ? [] : ["write"]);
  }
});

Deno.test("one screen is in front, and hears when it is no more, and when it is again", () => {
  const { navigator, log, press } = newNavigator();
  const watched = (title: string) =>
    named(title, {
      front(signal) {
        log.push(`${title} in front`);
        signal.addEventListener("abort", () => log.push(`${title} covered`));
      },
    });
  navigator.open(watched("one"));
  navigator.open(watched("two"));
  press("esc");
  assert.deepEqual(log, [
    "one in front",
    "one covered",
    "two in front",
    "two covered",
    "one in front",
  ]);
});

Deno.test("L shows the log over any screen, once, also while work runs", () => {
  const { navigator, log, press } = newNavigator();
  navigator.open(workingScreen(log).screen);
  press("L", "L");
  assert.deepEqual(navigator.path, ["work", "log"]);
  press("esc");
  assert.deepEqual(navigator.path, ["work"]);
});

Deno.test("the header says where the screen in front works, else where the program is connected", () => {
  const { navigator } = newNavigator();
  navigator.open(named("start"));
  navigator.setContext("mq:5672");
  assert.equal(navigator.context, "mq:5672");
  navigator.open(named("plan", { place: () => "drill:5672" }));
  navigator.open(named("options"));
  assert.equal(navigator.context, "drill:5672");
  navigator.back();
  navigator.back();
  assert.equal(navigator.context, "mq:5672");
});
