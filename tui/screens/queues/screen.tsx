import { plural } from "../../../src/console/text/format.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { pause } from "../../app/pause.ts";
import { openPlan } from "../plan/screen.tsx";
import { queueChoice } from "./choice.ts";
import {
  FILTER_KEYS,
  type FilterCommand,
  FILTERED_KEYS,
  QUEUES_KEYS,
  type QueuesCommand,
} from "./keys.ts";
import { chosenRows, NO_QUEUES, reduceQueues } from "./state.ts";
import { queuesPage, QueuesView } from "./view.tsx";

/** How often the broker's figures are asked for: they are as old as this anyway. */
const REFRESH_MS = 5_000;

/** The queues of the source, to look at and to choose from for a backup. */
export function openQueues(session: Session): Screen {
  const store = new Store(reduceQueues, NO_QUEUES);
  let left: AbortSignal | undefined;
  return {
    title: "Back up",
    keys() {
      const { isFiltering, filter } = store.state;
      return isFiltering ? FILTER_KEYS : filter === "" ? QUEUES_KEYS : FILTERED_KEYS;
    },
    get typing() {
      if (!store.state.isFiltering) return undefined;
      return { text: (text: string) => store.dispatch({ type: "typeFilter", text }) };
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <QueuesView state={store.state} area={area} />,
    open(signal) {
      left = signal;
      void keepListed(signal);
      void lookForHazards(signal);
    },
  };

  function press(command: string, area: Area): void {
    const known = command as QueuesCommand | FilterCommand;
    const page = queuesPage(area);
    switch (known) {
      case "up":
      case "down":
      case "pageUp":
      case "pageDown":
      case "first":
      case "last":
        return store.dispatch({ type: "move", command: known, page });
      case "mark":
      case "markRange":
      case "markType":
      case "markAll":
      case "clearMarks":
        return store.dispatch({ type: known, page });
      case "refresh":
        return void (left !== undefined && lookForHazards(left));
      case "plan":
        return plan();
      default:
        return store.dispatch({ type: known });
    }
  }

  function plan(): void {
    const { rows } = store.state;
    if (rows.length === 0) return session.navigator.tell("There is no queue to back up");
    const all = rows.map(({ queue }) => queue);
    const chosen = chosenRows(store.state).map(({ queue }) => queue);
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
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
