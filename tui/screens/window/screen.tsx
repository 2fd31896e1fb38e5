import type { Config } from "../../../src/config/config.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { TYPED_KEYS, UNDRAWN_KEYS, WINDOW_KEYS, type WindowCommand } from "./keys.ts";
import { fixedWindowOf, problemOf, reduceWindow, type TimeField, windowState } from "./state.ts";
import { partsOf, WindowView } from "./view.tsx";

/** What was chosen. */
export interface WindowChoice {
  /** In absolute times. */
  readonly window: string;
  /** Absent: as it was. */
  readonly field?: TimeField;
}

/** A window of time to be chosen for a restore. */
export interface WindowCall {
  readonly backupId: string;
  /** What is restored, whatever its time. */
  load(): Promise<Config>;
  /** As it was written before. */
  readonly window: string;
  /** The command that does the same with a choice. */
  commandLine(choice: WindowChoice): string;
  take(choice: WindowChoice): void;
}

/** Parts of the timeline for one long step. */
const LONG_STEP = 10;

/** Chooses a window of time on the timeline of what the backup has. */
export function openWindow(session: Session, call: WindowCall): Screen {
  const now = session.call.now().getTime();
  const store = new Store(reduceWindow, windowState(call.window, now));
  let configured: TimeField | undefined;
  return {
    title: "Time",
    keys() {
      const { typed, field } = store.state;
      if (typed !== undefined) return TYPED_KEYS;
      return field === "timestamp" ? UNDRAWN_KEYS : WINDOW_KEYS;
    },
    get typing() {
      if (store.state.typed === undefined) return undefined;
      return { text: (text: string) => store.dispatch({ type: "type", text }) };
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <WindowView state={store.state} area={area} />,
    commandLine: () => call.commandLine(choice()),
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
    call.take(choice());
  }

  function choice(): WindowChoice {
    const { field } = store.state;
    const window = fixedWindowOf(store.state);
    return { window, ...field === undefined || field === configured ? {} : { field } };
  }

  async function read(signal: AbortSignal): Promise<void> {
    try {
      const config = await call.load();
      const { backupId } = call;
      const entries = await session.engine.restoredEntries(config, { backupId, signal });
      configured = config.restore.time_window_field;
      store.dispatch({ type: "read", entries, field: configured });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
