import type { LogBook } from "../../app/log_book.ts";
import { pause } from "../../app/pause.ts";
import type { Screen } from "../../app/screen.ts";
import { Store } from "../../app/store.ts";
import { pickerAction, type PickerCommand, pickerTyping } from "../../components/picker_keys.ts";
import { logKeys } from "./keys.ts";
import { NO_LOG, reduceLog } from "./state.ts";
import { logPage, LogView } from "./view.tsx";

/** How often is looked for new entries, milliseconds. */
const REFRESH_MS = 250;

/** What has happened since the program was opened. */
export function openLog(book: LogBook): Screen {
  const store = new Store(reduceLog, NO_LOG);
  return {
    title: "Log",
    keys: () => logKeys(store.state),
    get typing() {
      return pickerTyping(store.state, (action) => store.dispatch({ type: "pick", action }));
    },
    press(command, area) {
      const action = pickerAction(command as PickerCommand, logPage(area));
      store.dispatch({ type: "pick", action });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <LogView state={store.state} area={area} />,
    open: () =>
      store.dispatch({ type: "pick", action: { type: "move", command: "last", page: 1 } }),
    front: (signal) => void keepShown(signal),
  };

  async function keepShown(signal: AbortSignal): Promise<void> {
    for (let seen = -1; !signal.aborted; await pause(REFRESH_MS, signal)) {
      if (book.version === seen) continue;
      seen = book.version;
      store.dispatch({ type: "entries", entries: book.entries });
    }
  }
}
