import { shellWord } from "../../../src/console/resume_command.ts";
import { plural } from "../../../src/console/text/format.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { chosenRows, currentRow } from "../../components/picker.ts";
import {
  pickerAction,
  type PickerCommand,
  pickerKeys,
  pickerTyping,
} from "../../components/picker_keys.ts";
import { openMessages } from "../messages/screen.tsx";
import { queueChoice } from "../queues/choice.ts";
import { openRestorePlan } from "../restore_plan/screen.tsx";
import { CONTENTS_KEYS, type ContentsCommand } from "./keys.ts";
import { NOT_READ, reduceContents } from "./state.ts";
import { contentsPage, ContentsView } from "./view.tsx";

/** The queues of a backup, of which some or all are chosen. */
export function openContents(session: Session, backupId: string): Screen {
  const store = new Store(reduceContents, NOT_READ);
  return {
    title: backupId,
    keys: () => pickerKeys(store.state.picker, CONTENTS_KEYS),
    get typing() {
      return pickerTyping(store.state.picker, (action) => store.dispatch({ type: "pick", action }));
    },
    press(command: string, area: Area) {
      const known = command as ContentsCommand | PickerCommand;
      if (known === "plan") return plan();
      if (known === "messages") return look();
      store.dispatch({ type: "pick", action: pickerAction(known, contentsPage(area)) });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <ContentsView state={store.state} area={area} />,
    commandLine: () => session.commandLine("describe", ["--backup-id", shellWord(backupId)]),
    open(signal) {
      // What was wished of the restore of another one is over.
      session.restoreDraft(backupId);
      void read(signal);
    },
  };

  async function read(signal: AbortSignal): Promise<void> {
    try {
      const config = await session.load("restore");
      const manifest = await session.engine.loadManifest(config, { backupId, signal });
      store.dispatch({ type: "read", manifest });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }

  function look(): void {
    const entry = currentRow(store.state.picker)?.entry;
    if (entry === undefined) return session.navigator.tell("There is no queue here");
    const queue = { vhost: entry.vhost, name: entry.name };
    session.navigator.open(openMessages(session, { backupId, queue }));
  }

  function plan(): void {
    const { picker } = store.state;
    if (picker.rows.length === 0) return session.navigator.tell("There is no queue in this backup");
    const all = picker.rows.map(({ entry }) => entry);
    const chosen = chosenRows(picker).map(({ entry }) => entry);
    if (chosen.length === 0) return session.navigator.tell("The filter shows no queue");
    const choice = queueChoice({ all, chosen, at: "restore.queues" });
    session.navigator.open(openRestorePlan(session, { backupId, choice, queues: all }));
    if (choice.alongside > 0) {
      session.navigator.tell(
        `${plural(choice.alongside, "queue")} of the same name in other vhosts would come along`,
      );
    }
  }
}
