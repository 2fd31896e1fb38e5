import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { connectionOf } from "./connection.ts";
import { CONNECT_KEYS, type ConnectCommand } from "./keys.ts";
import { FIELDS, NOT_FILLED, reduceConnect } from "./state.ts";
import { ConnectView } from "./view.tsx";

/** Asks where the broker and the storage are; `done` tests what was told. */
export function openConnect(session: Session, done: () => void): Screen {
  const store = new Store(reduceConnect, NOT_FILLED);
  return {
    title: "Connect",
    keys: () => CONNECT_KEYS,
    typing: { text: (text) => store.dispatch({ type: "type", text }) },
    press(command) {
      const known = command as ConnectCommand;
      if (known === "cancel") return session.navigator.back();
      if (known !== "take") return store.dispatch({ type: known });
      if (store.state.focus < FIELDS.length - 1) return store.dispatch({ type: "next" });
      session.connection = connectionOf(store.state.values);
      session.navigator.back();
      done();
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <ConnectView state={store.state} area={area} />,
  };
}
