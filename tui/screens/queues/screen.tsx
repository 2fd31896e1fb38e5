import { plural } from "../../../src/console/text/format.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { pause } from "../../app/pause.ts";
import { openPlan } from "../plan/screen.tsx";
import { queueChoice } from "./choice.ts";
import {
  pickerAction,
  type PickerCommand,
  pickerKeys,
  pickerTyping,
} from "../../components/picker_keys.ts";
import { chosenRows } from "../../components/picker.ts";
import { QUEUES_KEYS, type QueuesCommand } from "./keys.ts";
import { NO_QUEUES, reduceQueues } from "./state.ts";
import { queuesPage, QueuesView } from "./view.tsx";

/** How often the broker's figures are asked for: they are as old as this anyway. */
const REFRESH_MS = 5_000;

/** So old are hazards when they are looked for again as a person comes back to the list. */
const HAZARDS_MS = 30_000;

/** The queues of the source, to look at and to choose from for a backup. */
export function openQueues(session: Session): Screen {
  const store = new Store(reduceQueues, NO_QUEUES);
  let front: AbortSignal | undefined;
  let lookedAt = -Infinity;
  return {
    title: "Back up",
    keys: () => pickerKeys(store.state.picker, QUEUES_KEYS),
    get typing() {
      return pickerTyping(store.state.picker, (action) => store.dispatch({ type: "pick", action }));
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <QueuesView state={store.state} area={area} />,
    front(signal) {
      front = signal;
      void keepListed(signal);
      if (performance.now() - lookedAt > HAZARDS_MS) void lookForHazards(signal);
    },
  };

  function press(command: string, area: Area): void {
    const known = command as QueuesCommand | PickerCommand;
    if (known === "plan") return plan();
    if (known === "refresh") return void (front !== undefined && lookForHazards(front));
    store.dispatch({ type: "pick", action: pickerAction(known, queuesPage(area)) });
  }

  function plan(): void {
    const { picker } = store.state;
    if (picker.rows.length === 0) return session.navigator.tell("There is no queue to back up");
    const all = picker.rows.map(({ queue }) => queue);
    const chosen = chosenRows(picker).map(({ queue }) => queue);
    if (chosen.length === 0) return session.navigator.tell("The filter shows no queue");
    const choice = queueChoice({ all, chosen, at: "source.queues" });
    session.navigator.open(openPlan(session, choice));
    if (choice.alongside > 0) {
      session.navigator.tell(
        `${plural(choice.alongside, "queue")} of the same name in other vhosts would come along`,
      );
    }
  }

  async function keepListed(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { source, queues } = await session.engine.browse(await session.load("backup"), {
          signal,
        });
        store.dispatch({ type: "listed", cluster: source.clusterName, queues });
      } catch (error) {
        if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
      }
      await pause(REFRESH_MS, signal);
    }
  }

  async function lookForHazards(signal: AbortSignal): Promise<void> {
    if (store.state.planning) return;
    store.dispatch({ type: "planning" });
    try {
      const config = await session.load("backup");
      const { queues } = await session.engine.planBackup({
        config,
        backupId: "plan",
        emit: () => {},
        signal,
      });
      store.dispatch({ type: "planned", queues });
      lookedAt = performance.now();
    } catch (error) {
      if (signal.aborted) store.dispatch({ type: "notPlanned" });
      else store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
