import type { OpenQueue } from "../../../src/engine/inspect/open_queue.ts";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { MESSAGE_KEYS, type MessageCommand } from "./keys.ts";
import { messageState, reduceMessage } from "./state.ts";
import { linesOf, messagePage, MessageView } from "./view.tsx";

/** What of a body is shown. */
const BODY_BYTES = 256 * 1024;

/** A message to be looked at, and the list that it is in. */
export interface MessageCall {
  readonly queue: OpenQueue;
  readonly number: number;
  commandLine(flags: readonly string[]): string;
  /** The number of the one before or behind another in the list. */
  neighbour(number: number, step: 1 | -1): number | undefined;
  /** Another message of the list is shown now. */
  onMove(number: number): void;
}

/** One message: properties, headers, and its body in the form that is wanted. */
export function openMessage(session: Session, call: MessageCall): Screen {
  const store = new Store(reduceMessage, messageState(call.number));
  let left = new AbortController().signal;
  let reading = new AbortController();
  return {
    title: "Message",
    keys: () => MESSAGE_KEYS,
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <MessageView state={store.state} area={area} />,
    commandLine() {
      const { number, form } = store.state;
      return call.commandLine(["--from", `${number}`, "--limit", "1", "--body", form]);
    },
    open(signal) {
      left = signal;
      void read();
    },
  };

  function press(command: string, area: Area): void {
    const known = command as MessageCommand;
    switch (known) {
      case "nextForm":
        return store.dispatch({ type: "nextForm" });
      case "next":
        return go(1);
      case "previous":
        return go(-1);
      default: {
        const lines = linesOf(store.state, area).length;
        const page = messagePage(area);
        store.dispatch({ type: "scroll", command: known as MoveCommand, page, lines });
      }
    }
  }

  function go(step: 1 | -1): void {
    const number = call.neighbour(store.state.number, step);
    if (number === undefined) {
      return session.navigator.tell(`This is the ${step > 0 ? "last" : "first"} one`);
    }
    store.dispatch({ type: "goTo", number });
    call.onMove(number);
    void read();
  }

  async function read(): Promise<void> {
    reading.abort();
    reading = new AbortController();
    const signal = AbortSignal.any([left, reading.signal]);
    const { number } = store.state;
    try {
      let message: StoredMessage | undefined;
      for await (const part of call.queue.read({ from: number, bodyBytes: BODY_BYTES, signal })) {
        message = part.found[0];
        if (message !== undefined) break;
      }
      if (!signal.aborted) store.dispatch({ type: "read", message });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
