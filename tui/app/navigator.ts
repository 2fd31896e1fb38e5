import type { DialogText } from "../components/dialog.tsx";
import { moved } from "../components/list_cursor.ts";
import { type HelpTopic, lastTop } from "./help.tsx";
import {
  type Binding,
  commandOf,
  GLOBAL_KEYS,
  type GlobalCommand,
  type KeyPress,
  MOVE_KEYS,
} from "./keys.ts";
import { conditionOf } from "./saved_command.ts";
import type { Area, RunningWork, Screen } from "./screen.ts";

/** A question over the screen, and what each answer does. */
export interface Question extends DialogText {
  readonly answers: readonly (() => void)[];
  /** Letters that choose at once, with the index of their answer. */
  readonly keys?: Readonly<Record<string, number>>;
}

/** What is done with the terminal and the process. */
export interface NavigatorHost {
  readonly readOnly: boolean;
  /** The screen of what has happened. */
  openLog(): Screen;
  /** Puts text into the terminal's clipboard. */
  copy(text: string): void;
  /** Saves a command line as a file; what is to be told of it. */
  save(line: string): Promise<string>;
  /** Ends the UI. */
  quit(): void;
  /** Ends the process at once. */
  exitNow(): void;
}

interface OpenScreen {
  readonly screen: Screen;
  readonly close: AbortController;
  /** There while it is in front. */
  front?: AbortController | undefined;
  readonly unsubscribe: () => void;
}

const GOES_ON = "what is done is kept, and the same command goes on there";

/** The screens that are open, the last one in front, and what lies over it. */
export class Navigator {
  readonly host: NavigatorHost;
  #stack: OpenScreen[] = [];
  #question: Question | undefined;
  #isHelpOpen = false;
  #helpTop = 0;
  #notice: string | undefined;
  /** Where the program is connected to, for the header. */
  #context = "";
  #log: Screen | undefined;
  #quitsWhenDone = false;
  #hasStopped = false;
  #version = 0;
  readonly #listeners = new Set<() => void>();

  constructor(host: NavigatorHost) {
    this.host = host;
  }

  get screen(): Screen {
    return this.#stack.at(-1)!.screen;
  }

  get path(): string[] {
    return this.#stack.map(({ screen }) => screen.title);
  }

  get question(): Question | undefined {
    return this.#question;
  }

  get isHelpOpen(): boolean {
    return this.#isHelpOpen;
  }

  /** The first line of the help that is seen. */
  get helpTop(): number {
    return this.#helpTop;
  }

  /** What the help is about now. */
  helpTopic(): HelpTopic {
    return { title: this.screen.title, bindings: this.bindings() };
  }

  get notice(): string | undefined {
    return this.#notice;
  }

  /** Where the screen in front works: as the last one that says so has it. */
  get context(): string {
    for (const { screen } of this.#stack.toReversed()) {
      const place = screen.place?.();
      if (place !== undefined) return place;
    }
    return this.#context;
  }

  /** A number that is another one after each change. */
  readonly version = (): number => this.#version;

  readonly subscribe = (listener: () => void): () => void => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Opens a screen in front of the one that is there. */
  open(screen: Screen): void {
    const close = new AbortController();
    const unsubscribe = screen.subscribe(() => this.#screenChanged());
    this.#stack.push({ screen, close, unsubscribe });
    this.#changed();
    screen.open?.(close.signal);
    this.#bringToFront();
  }

  /** Opens a screen in place of the one that is there. */
  replace(screen: Screen): void {
    this.#drop();
    this.open(screen);
  }

  /** Goes back to the screen before; the first one stays. */
  back(): void {
    const { running } = this.screen;
    const work = running?.call(this.screen);
    if (work !== undefined) return this.tell(`${work.what} runs: stop it first, with ^C`);
    if (this.#stack.length === 1) return this.tell("q ends the program");
    this.#drop();
    this.#changed();
    this.#bringToFront();
  }

  ask(question: Question): void {
    this.#question = question;
    this.#changed();
  }

  /** Shows a line above the footer until the next key. */
  tell(notice: string): void {
    this.#notice = notice;
    this.#changed();
  }

  setContext(context: string): void {
    this.#context = context;
    this.#changed();
  }

  /** The bindings of the screen in front that are in force. */
  bindings(): readonly Binding[] {
    return this.screen.keys().filter(({ writes }) => !(writes && this.host.readOnly));
  }

  press(key: KeyPress, area: Area): void {
    if (this.#notice !== undefined) {
      this.#notice = undefined;
      this.#changed();
    }
    if (key.name === "ctrl-c") return this.stop();
    if (this.#question !== undefined) return this.#answer(this.#question, key.name);
    if (this.#isHelpOpen) return this.#pressHelp(key.name, area);
    const { typing } = this.screen;
    if (typing !== undefined && key.text !== undefined) return typing.text(key.text);
    const command = commandOf(this.bindings(), key.name);
    if (command !== undefined) return this.screen.press(command, area);
    if (typing === undefined || key.text === undefined) this.#pressGlobal(key.name);
  }

  /** Text that was pasted: it never presses keys. */
  paste(text: string): void {
    // deno-lint-ignore no-control-regex
    const safe = text.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
    if (this.#question === undefined && safe !== "") this.screen.typing?.text(safe);
  }

  /** Stops the work that runs, safely; the second time at once. Without work, ends the program. */
  stop(): void {
    const work = this.#running();
    if (work === undefined) return this.host.quit();
    if (this.#hasStopped) return this.host.exitNow();
    this.#hasStopped = true;
    work.stop();
  }

  /** Ends the program when the work that runs has stopped; for signals. */
  stopAndQuit(): void {
    this.#quitsWhenDone = true;
    this.stop();
  }

  /** Ends what the screens do. */
  close(): void {
    while (this.#stack.length > 0) this.#drop();
  }

  #pressGlobal(key: string): void {
    const command: GlobalCommand | undefined = commandOf(GLOBAL_KEYS, key);
    switch (command) {
      case "help":
        this.#isHelpOpen = true;
        this.#helpTop = 0;
        return this.#changed();
      case "back":
        return this.back();
      case "quit":
        return this.#quit();
      case "copy":
        return this.#copy();
      case "log":
        return this.#showLog();
    }
  }

  #showLog(): void {
    this.#log ??= this.host.openLog();
    if (this.screen !== this.#log) this.open(this.#log);
  }

  #copy(): void {
    const line = this.screen.commandLine?.();
    if (line === undefined) return this.tell("There is no command line here");
    this.host.copy(line);
    const condition = conditionOf(line);
    this.ask({
      title: "The same as a command",
      lines: [
        line,
        "",
        "It is in the clipboard, where the terminal allows that (OSC 52).",
        ...condition === undefined ? [] : [condition],
      ],
      choices: ["Close", "Save as a file"],
      focus: 0,
      answers: [() => {}, () => void this.#save(line)],
    });
  }

  async #save(line: string): Promise<void> {
    this.tell(await this.host.save(line));
  }

  #quit(): void {
    const work = this.#running();
    if (work === undefined) return this.host.quit();
    this.ask({
      title: `${work.what} runs`,
      lines: [`It can be stopped safely: ${work.stopped ?? GOES_ON}.`],
      choices: ["Go on", "Stop safely and quit"],
      focus: 0,
      answers: [() => {}, () => this.stopAndQuit()],
    });
  }

  #answer(question: Question, key: string): void {
    const { focus, choices, answers, keys } = question;
    const direct = keys?.[key];
    if (direct !== undefined) {
      this.#closeQuestion();
      return answers[direct]!();
    }
    if (key === "esc" || key === "q") return this.#closeQuestion();
    if (key === "enter") {
      this.#closeQuestion();
      return answers[focus]!();
    }
    const step = ["right", "tab", "l", "down", "j"].includes(key)
      ? 1
      : ["left", "shift-tab", "h", "up", "k"].includes(key)
      ? choices.length - 1
      : 0;
    this.#question = { ...question, focus: (focus + step) % choices.length };
    this.#changed();
  }

  #closeQuestion(): void {
    this.#question = undefined;
    this.#changed();
  }

  /** Scrolls the help; any other key closes it, and some do at once what the help says of them. */
  #pressHelp(key: string, area: Area): void {
    const command = commandOf(MOVE_KEYS, key);
    const size = { count: lastTop(this.helpTopic(), area) + 1, page: area.rows };
    if (command === undefined) this.#isHelpOpen = false;
    else this.#helpTop = moved({ index: this.#helpTop, top: 0 }, command, size).index;
    this.#changed();
    const global: GlobalCommand | undefined = commandOf(GLOBAL_KEYS, key);
    if (command === undefined && (global === "log" || global === "copy")) this.#pressGlobal(key);
  }

  #running(): RunningWork | undefined {
    for (const { screen } of this.#stack.toReversed()) {
      const work = screen.running?.();
      if (work !== undefined) return work;
    }
    return undefined;
  }

  #screenChanged(): void {
    if (this.#running() === undefined) {
      this.#hasStopped = false;
      if (this.#quitsWhenDone) return this.host.quit();
    }
    this.#changed();
  }

  #drop(): void {
    const top = this.#stack.pop();
    top?.unsubscribe();
    top?.front?.abort();
    top?.close.abort();
  }

  /** The last screen is in front now, and no other. */
  #bringToFront(): void {
    const top = this.#stack.at(-1);
    for (const one of this.#stack) {
      if (one === top) continue;
      one.front?.abort();
      one.front = undefined;
    }
    if (top === undefined || top.front !== undefined) return;
    top.front = new AbortController();
    top.screen.front?.(top.front.signal);
  }

  #changed(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }
}
