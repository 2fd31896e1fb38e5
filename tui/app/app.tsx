import { useInput, usePaste, useWindowSize } from "ink";
import { useSyncExternalStore } from "react";
import type { Theme } from "../theme/theme.ts";
import { Frame, screenArea } from "./frame.tsx";
import { keyPresses } from "./keys.ts";
import type { Navigator } from "./navigator.ts";

/** The whole UI: keys go to the navigator, and what it has in front is seen. */
export function App(
  { navigator, theme, subscribe = navigator.subscribe }: {
    navigator: Navigator;
    theme: Theme;
    /** Tells of changes; default: of each at once, as Ink draws no more often than it should. */
    subscribe?: Navigator["subscribe"];
  },
) {
  useSyncExternalStore(subscribe, navigator.version);
  const { columns, rows } = useWindowSize();
  useInput((input, key) => {
    for (const press of keyPresses(input, key)) {
      navigator.press(press, screenArea({ columns, rows }, theme));
    }
  });
  usePaste((text) => navigator.paste(text));
  return <Frame navigator={navigator} columns={columns} rows={rows} theme={theme} />;
}
