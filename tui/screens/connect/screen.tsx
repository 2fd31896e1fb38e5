import { resolve } from "node:path";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import type { Places } from "../start/state.ts";
import { connectionOf } from "./connection.ts";
import { CONNECT_KEYS, type ConnectCommand, TRIED_KEYS } from "./keys.ts";
import { saveConnection } from "./save.ts";
import { type ConnectState, FIELDS, NOT_FILLED, reduceConnect, reopened } from "./state.ts";
import { ConnectView } from "./view.tsx";

/** Where nothing is said of a storage, a folder is proposed. */
function newForm({ storage, login }: Places): ConnectState {
  if (login !== undefined) {
    const focus = FIELDS.findIndex(({ name }) => name === "password");
    return { ...NOT_FILLED, values: { ...NOT_FILLED.values, user: "" }, focus };
  }
  if (storage !== undefined) return NOT_FILLED;
  const values = { ...NOT_FILLED.values, storage: resolve("rabbitmq-backups") };
  return { ...NOT_FILLED, values };
}

/** Asks where the broker and the storage are, and tries it; `places`: where they are without that. */
export function openConnect(session: Session, places: Places): Screen {
  const { connectForm } = session;
  const form = connectForm === undefined ? newForm(places) : reopened(connectForm);
  const store = new Store(reduceConnect, form);
  const before = session.connection;
  let left = new AbortController().signal;
  let trial = new AbortController();
  return {
    title: "Connect",
    keys: () => store.state.test === "none" ? CONNECT_KEYS : TRIED_KEYS,
    typing: { text: (text) => store.dispatch({ type: "type", text }) },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <ConnectView state={store.state} places={places} area={area} />,
    open(signal) {
      left = signal;
      signal.addEventListener("abort", () => session.connectForm = store.state, { once: true });
    },
  };

  function press(command: string): void {
    const known = command as ConnectCommand;
    switch (known) {
      case "cancel":
        session.connection = before;
        return session.navigator.back();
      case "take":
        if (store.state.focus < FIELDS.length - 1) return store.dispatch({ type: "next" });
        return void test();
      case "test":
        return void test();
      case "use":
        return session.navigator.back();
      case "save":
        return void saveConnection(session, store.state);
      default:
        return store.dispatch({ type: known });
    }
  }

  /** Tries what a backup needs, with what is typed in force from now on. */
  async function test(): Promise<void> {
    trial.abort();
    trial = new AbortController();
    const signal = AbortSignal.any([left, trial.signal]);
    session.connection = connectionOf(store.state.values);
    store.dispatch({ type: "trying" });
    try {
      await session.engine.examine({
        config: await session.load("backup"),
        side: "backup",
        readOnly: session.call.readOnly,
        onFinding: (finding) => {
          if (!signal.aborted) {
            store.dispatch({ type: "found", finding: session.safeFinding(finding) });
          }
        },
        signal,
      });
      if (!signal.aborted) store.dispatch({ type: "tried" });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
