import type { Side } from "../../../src/engine/doctor/needs.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { DOCTOR_KEYS, type DoctorCommand } from "./keys.ts";
import { NOT_EXAMINED, reduceDoctor } from "./state.ts";
import { doctorPage, DoctorView } from "./view.tsx";

/** Tries all that a backup or a restore needs, and says how to mend what fails. */
export function openDoctor(session: Session): Screen {
  const store = new Store(reduceDoctor, NOT_EXAMINED);
  let left = new AbortController().signal;
  /** What makes the command go by the same broker. */
  let targetFlags: readonly string[] = [];
  return {
    title: "Check",
    keys: () => DOCTOR_KEYS,
    press(command, area) {
      const known = command as DoctorCommand;
      const { side, isRunning } = store.state;
      if (known === "again" || known === "otherSide") {
        if (isRunning) return session.navigator.tell("It is being tried already");
        const other = side === "backup" ? "restore" : "backup";
        return void examine(known === "again" ? side : other);
      }
      store.dispatch({ type: "move", command: known as MoveCommand, page: doctorPage(area) });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <DoctorView state={store.state} area={area} />,
    commandLine: () =>
      session.commandLine(
        "doctor",
        store.state.side === "backup" ? [] : ["--for", "restore", ...targetFlags],
      ),
    open(signal) {
      left = signal;
      void examine("backup");
    },
  };

  async function examine(side: Side): Promise<void> {
    store.dispatch({ type: "begun", side });
    try {
      const { config, flags } = side === "backup"
        ? { config: await session.load("backup"), flags: [] }
        : await session.loadRestore([]);
      targetFlags = flags;
      await session.engine.examine({
        config,
        side,
        readOnly: session.call.readOnly,
        onFinding: (finding) => {
          if (!left.aborted) {
            store.dispatch({ type: "found", finding: session.safeFinding(finding) });
          }
        },
        signal: left,
      });
      store.dispatch({ type: "ended" });
    } catch (error) {
      if (!left.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
