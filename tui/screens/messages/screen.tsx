import { shellWord } from "../../../src/console/resume_command.ts";
import type { OpenQueue } from "../../../src/engine/inspect/open_queue.ts";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { openMessage } from "../message/screen.tsx";
import { MESSAGES_KEYS, type MessagesCommand, SEARCH_KEYS, SEARCHED_KEYS } from "./keys.ts";
import {
  currentMessage,
  missingFrom,
  MOST_FOUND,
  neighbour,
  NOT_OPENED,
  READ_ROWS,
  reduceMessages,
} from "./state.ts";
import { messagesPage, MessagesView } from "./view.tsx";

/** How often it is shown how far a search is, where it finds nothing. */
const TELL_MS = 200;

/** The messages of a queue of a backup, of which one can be looked at, or some searched for. */
export function openMessages(
  session: Session,
  { backupId, queue }: { backupId: string; queue: { vhost: string; name: string } },
): Screen {
  const store = new Store(reduceMessages, NOT_OPENED);
  let opened: OpenQueue | undefined;
  let left = new AbortController().signal;
  let reading = new AbortController();
  let searching = new AbortController();
  return {
    title: queue.name,
    keys() {
      const { typed, search } = store.state;
      return typed !== undefined
        ? SEARCH_KEYS
        : search !== undefined
        ? SEARCHED_KEYS
        : MESSAGES_KEYS;
    },
    get typing() {
      if (store.state.typed === undefined) return undefined;
      return { text: (text: string) => store.dispatch({ type: "typeSearch", text }) };
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <MessagesView state={store.state} queue={queue} area={area} />,
    commandLine: () => commandLine(searchFlags()),
    open(signal) {
      left = signal;
      void begin();
    },
  };

  function searchFlags(): string[] {
    const { search } = store.state;
    return search === undefined ? [] : [`--search=${shellWord(search.text)}`, "--limit", "0"];
  }

  function commandLine(flags: readonly string[]): string {
    return session.commandLine("messages", [
      "--backup-id",
      shellWord(backupId),
      `--vhost=${shellWord(queue.vhost)}`,
      `--queue=${shellWord(queue.name)}`,
      ...flags,
    ]);
  }

  function press(command: string, area: Area): void {
    const known = command as MessagesCommand;
    const page = messagesPage(area);
    switch (known) {
      case "show":
        return show(page);
      case "startSearch":
        store.dispatch({ type: known });
        return void search();
      case "dropSearch":
        searching.abort();
        store.dispatch({ type: known });
        return readMissing(page);
      case "editSearch":
      case "cancelSearch":
      case "erase":
      case "eraseWord":
      case "clear":
        return store.dispatch({ type: known });
      default:
        store.dispatch({ type: "move", command: known as MoveCommand, page });
        return readMissing(page);
    }
  }

  function show(page: number): void {
    const message = currentMessage(store.state);
    if (message === undefined || opened === undefined) return;
    session.navigator.open(openMessage(session, {
      queue: opened,
      number: message.number,
      commandLine,
      neighbour: (number, step) => neighbour(store.state, number, step),
      onMove(number) {
        store.dispatch({ type: "goTo", number, page });
        readMissing(page);
      },
    }));
  }

  async function begin(): Promise<void> {
    try {
      const config = await session.load("restore");
      const found = await session.engine.openQueue(config, { backupId, queue, signal: left });
      if (left.aborted) return void await found.close();
      opened = found;
      left.addEventListener("abort", () => void found.close(), { once: true });
      store.dispatch({ type: "opened", total: found.total });
      await read(1);
    } catch (error) {
      if (!left.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }

  function readMissing(page: number): void {
    const from = missingFrom(store.state, page);
    if (from !== undefined) void read(from);
  }

  /** Reads the messages from a number on; what is read at that time is given up. */
  async function read(from: number): Promise<void> {
    reading.abort();
    reading = new AbortController();
    const signal = AbortSignal.any([left, reading.signal]);
    try {
      const rows: StoredMessage[] = [];
      for await (const { found } of opened!.read({ from, signal })) {
        rows.push(...found);
        if (rows.length >= READ_ROWS) break;
      }
      if (!signal.aborted) store.dispatch({ type: "read", rows: rows.slice(0, READ_ROWS) });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }

  async function search(): Promise<void> {
    searching.abort();
    searching = new AbortController();
    const text = store.state.search?.text;
    if (text === undefined || opened === undefined) return;
    const signal = AbortSignal.any([left, searching.signal]);
    try {
      let told = performance.now();
      for await (const part of opened.read({ search: text, signal })) {
        if (signal.aborted) return;
        if (part.found.length === 0 && performance.now() - told < TELL_MS) continue;
        told = performance.now();
        store.dispatch({ type: "looked", part });
        if (store.state.search!.found.length === MOST_FOUND) break;
      }
      if (!signal.aborted) store.dispatch({ type: "searched" });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
