import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import {
  pickerAction,
  type PickerCommand,
  pickerKeys,
  pickerTyping,
} from "../../components/picker_keys.ts";
import type { OptionValues } from "../restore_plan/state.ts";
import {
  FILTERED_OPTIONS_KEYS,
  OPTIONS_KEYS,
  type OptionsCommand,
  VALUE_KEYS,
  type ValueCommand,
} from "./keys.ts";
import { optionsState, reduceOptions } from "./state.ts";
import { optionsPage, OptionsView } from "./view.tsx";

/** Options of a restore to be chosen. */
export interface OptionsCall {
  /** As they were chosen before. */
  readonly values: OptionValues;
  /** Throws when they cannot be used. */
  check(values: OptionValues): Promise<unknown>;
  commandLine(values: OptionValues): string;
  done(values: OptionValues): void;
}

/** All options that the command `restore` has, as far as they have no place of their own. */
export function openOptions(session: Session, call: OptionsCall): Screen {
  const { own, shared } = session.call.restoreSettings;
  const store = new Store(reduceOptions, optionsState([...shared, ...own], call.values));
  let left = new AbortController().signal;
  return {
    title: "Options",
    keys() {
      const { typed, picker } = store.state;
      if (typed !== undefined) return VALUE_KEYS;
      const keys = picker.filter === "" ? OPTIONS_KEYS : FILTERED_OPTIONS_KEYS;
      return pickerKeys(picker, keys, { canMark: false });
    },
    get typing() {
      const { typed, picker } = store.state;
      if (typed === undefined) {
        return pickerTyping(picker, (action) => store.dispatch({ type: "pick", action }));
      }
      return { text: (text: string) => store.dispatch({ type: "type", text }) };
    },
    press(command, area) {
      if (store.state.typed === undefined) {
        pressList(command as OptionsCommand | PickerCommand, area);
      } else pressField(command as ValueCommand);
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <OptionsView state={store.state} area={area} />,
    commandLine: () => call.commandLine(store.state.values),
    open: (signal) => left = signal,
  };

  function pressList(command: OptionsCommand | PickerCommand, area: Area): void {
    switch (command) {
      case "done":
        session.navigator.back();
        return call.done(store.state.values);
      case "change":
      case "unset":
        store.dispatch({ type: command });
        return void check();
      default:
        store.dispatch({ type: "pick", action: pickerAction(command, optionsPage(area)) });
    }
  }

  function pressField(command: ValueCommand): void {
    if (command !== "keep" && command !== "drop") {
      return store.dispatch({ type: "erase", command });
    }
    store.dispatch({ type: command });
    void check();
  }

  /** Says at once what is wrong with a value. */
  async function check(): Promise<void> {
    const { values } = store.state;
    const isCurrent = () => !left.aborted && store.state.values === values;
    try {
      await call.check(values);
      if (isCurrent()) store.dispatch({ type: "checked", failure: undefined });
    } catch (error) {
      if (isCurrent()) store.dispatch({ type: "checked", failure: session.failure(error) });
    }
  }
}
