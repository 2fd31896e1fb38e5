import { diffLines } from "../../../src/console/text/diff_text.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { openReport } from "../report/screen.tsx";
import { openImportPlan } from "./import.ts";
import { DEFINITIONS_KEYS, type DefinitionsCommand } from "./keys.ts";
import { comparedWords, currentSide, NO_SIDES, reduceDefinitions } from "./state.ts";
import { definitionsPage, DefinitionsView } from "./view.tsx";

/** What has definitions: to compare, and to import from. */
export function openDefinitions(session: Session): Screen {
  const store = new Store(reduceDefinitions, NO_SIDES);
  let left = new AbortController().signal;
  return {
    title: "Definitions",
    keys: () => DEFINITIONS_KEYS,
    press(command, area) {
      const known = command as DefinitionsCommand;
      switch (known) {
        case "compare":
          return compare();
        case "import":
          return importThis();
        case "mark":
          return store.dispatch({ type: "mark" });
        case "refresh":
          return void list();
        default: {
          const page = definitionsPage(area);
          return store.dispatch({ type: "move", command: known as MoveCommand, page });
        }
      }
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <DefinitionsView state={store.state} area={area} now={session.call.now()} />,
    commandLine() {
      const words = comparedWords(store.state);
      return words && session.commandLine("definitions-diff", words.map(shellWord));
    },
    open(signal) {
      left = signal;
      void list();
    },
  };

  async function list(): Promise<void> {
    try {
      const config = await session.load("restore");
      const backups = await session.engine.listBackups(config, { signal: left });
      store.dispatch({ type: "listed", backups });
    } catch (error) {
      if (!left.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }

  function compare(): void {
    const words = comparedWords(store.state);
    if (words === undefined) {
      return session.navigator.tell("Choose two: put the cursor on one, and mark the other");
    }
    const [from, to] = words;
    session.navigator.open(openReport(session, {
      title: "Differences",
      asking: "Comparing",
      commandLine: session.commandLine("definitions-diff", words.map(shellWord)),
      async ask(signal) {
        const { config } = await session.loadRestore([]);
        const diff = await session.engine.diffDefinitions(config, { words, signal });
        return diffLines(diff, { from, to, style: session.call.style, all: true });
      },
    }));
  }

  function importThis(): void {
    const backupId = currentSide(store.state)?.backup?.backupId;
    if (backupId === undefined) {
      return session.navigator.tell("Choose a backup, whose definitions are to be imported");
    }
    session.navigator.open(openImportPlan(session, backupId));
  }
}
