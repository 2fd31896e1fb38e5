import type { Config } from "../../../src/config/config.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { TYPED_KEYS, WINDOW_KEYS, type WindowCommand } from "./keys.ts";
import { problemOf, reduceWindow, windowOf, windowState } from "./state.ts";
import { partsOf, WindowView } from "./view.tsx";

/** A window of time to be chosen for a restore. */
export interface WindowCall {
  readonly backupId: string;
  /** What is restored, whatever its time. */
  load(): Promise<Config>;
  /** As it was written before. */
  readonly window: string;
  /** The command that does the same with a window. */
  commandLine(window: string): string;
  take(window: string): void;
}

/** Parts of the timeline for one long step. */
const LONG_STEP = 10;

/** Chooses a window of time on the timeline of what the backup has. */
export function openWindow(session: Session, call: WindowCall): Screen {
  const now = session.call.now().getTime();
  const store = new Store(reduceWindow, windowState(call.window, now));
  return {
    title: "Time",
    keys: () => store.state.typed === undefined ? WINDOW_KEYS : TYPED_KEYS,
    get typing() {
      if (store.state.typed === undefined) return undefined;
      return { text: (text: string) => store.dispatch({ type: "type", text }) };
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <WindowView state={store.state} area={area} />,
    commandLine: () => call.commandLine(windowOf(store.state)),
    open: (signal) => void read(signal),
  };

  function press(command: string, area: Area): void {
    const known = command as WindowCommand;
    const move = (by: number) => store.dispatch({ type: "move", by, parts: partsOf(area) });
    switch (known) {
      case "take":
        return take();
      case "earlier":
        return move(-1);
      case "later":
        return move(1);
      case "muchEarlier":
        return move(-LONG_STEP);
      case "muchLater":
        return move(LONG_STEP);
      default:
        return store.dispatch({ type: known });
    }
  }

  function take(): void {
    const problem = problemOf(store.state);
    if (problem !== undefined) return session.navigator.tell(`This time cannot be: ${problem}`);
    session.navigator.back();
    call.take(windowOf(store.state));
  }

  async function read(signal: AbortSignal): Promise<void> {
    try {
      const config = await call.load();
      const { backupId } = call;
      const entries = await session.engine.restoredEntries(config, { backupId, signal });
      store.dispatch({ type: "read", entries });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
