import { storageLocation } from "../../../src/config/storage.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { openBackups } from "../backups/screen.tsx";
import { openQueues } from "../queues/screen.tsx";
import { openConnect } from "../connect/screen.tsx";
import { CONNECTED_KEYS, START_KEYS, type StartCommand } from "./keys.ts";
import { NOT_ASKED, reduceStart, type Task, TASKS } from "./state.ts";
import { StartView } from "./view.tsx";

/** In the folder where the program was started. */
const SAVED_AS = "rabbitmq-backup.yaml";

/** The first screen: it stands before anything was asked. */
export function openStart(session: Session): Screen {
  const store = new Store(reduceStart, NOT_ASKED);
  let left = new AbortController().signal;
  return {
    title: "Start",
    keys: () => session.connection === undefined ? START_KEYS : CONNECTED_KEYS,
    press(command) {
      const known = command as StartCommand;
      if (known === "begin") return begin(TASKS[store.state.cursor.index]!.name);
      if (known === "ask") return void ask();
      if (known === "connect") {
        return session.navigator.open(openConnect(session, () => void ask()));
      }
      if (known === "save") return void save();
      store.dispatch({ type: "move", command: known as MoveCommand });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <StartView state={store.state} area={area} now={session.call.now()} />,
    open(signal) {
      left = signal;
      void ask();
    },
  };

  function begin(task: Task): void {
    const { source, storage } = store.state.places;
    if (storage === undefined) return session.navigator.tell("There is no storage for backups");
    switch (task) {
      case "backup":
        if (source === undefined) return session.navigator.tell("There is no broker to back up");
        return session.navigator.open(openQueues(session));
      case "restore":
        return session.navigator.open(openBackups(session));
    }
  }

  async function save(): Promise<void> {
    const { connection } = session;
    if (connection === undefined) return;
    try {
      await Deno.writeTextFile(SAVED_AS, connection.yaml, { createNew: true, mode: 0o600 });
      session.navigator.tell(`Saved as ${SAVED_AS}: it takes the variable RABBITMQ_PASSWORD`);
    } catch (error) {
      session.navigator.tell(
        error instanceof Deno.errors.AlreadyExists
          ? `There is a ${SAVED_AS} already: nothing was written`
          : session.failure(error).message,
      );
    }
  }

  async function ask(): Promise<void> {
    try {
      const config = await session.load("backup");
      const source = config.source?.amqp_url.address;
      const storage = config.storage && storageLocation(config.storage);
      store.dispatch({
        type: "placed",
        places: {
          ...source === undefined ? {} : { source },
          ...storage === undefined ? {} : { storage },
        },
      });
      session.navigator.setContext(
        [source, storage].filter((place) => place !== undefined).join("  "),
      );
      await Promise.all([
        answer("broker", source, async () => {
          const { source, queues } = await session.engine.browse(config, { signal: left });
          return {
            cluster: source.clusterName,
            version: source.rabbitmqVersion,
            queues: queues.length,
            messages: queues.reduce((sum, { messagesReady = 0 }) => sum + messagesReady, 0),
          };
        }),
        answer("backups", storage, () => session.engine.listBackups(config, { signal: left })),
      ]);
    } catch (error) {
      const failed = { state: "failed", failure: session.failure(error) } as const;
      store.dispatch({ type: "broker", answer: failed });
      store.dispatch({ type: "backups", answer: failed });
    }
  }

  async function answer(
    type: "broker" | "backups",
    place: string | undefined,
    get: () => Promise<unknown>,
  ): Promise<void> {
    const dispatch = (answer: unknown) =>
      store.dispatch({ type, answer } as Parameters<typeof store.dispatch>[0]);
    if (place === undefined) return dispatch({ state: "missing" });
    try {
      dispatch({ state: "there", value: await get() });
    } catch (error) {
      if (!left.aborted) dispatch({ state: "failed", failure: session.failure(error) });
    }
  }
}
