import { resolve } from "node:path";
import type { Config } from "../../../src/config/config.ts";
import { storageLocation } from "../../../src/config/storage.ts";
import { AppError } from "../../../src/errors.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { pause } from "../../app/pause.ts";
import { Store } from "../../app/store.ts";
import { openBackups } from "../backups/screen.tsx";
import { openQueues } from "../queues/screen.tsx";
import { openConfigs } from "../configs/screen.tsx";
import { isFile, saveConnection, SAVED_AS } from "../connect/save.ts";
import { openConnect } from "../connect/screen.tsx";
import { openDefinitions } from "../definitions/screen.tsx";
import { openDoctor } from "../doctor/screen.tsx";
import { CONNECTED_KEYS, START_KEYS, type StartCommand } from "./keys.ts";
import { type Answer, NOT_ASKED, reduceStart, type Task, TASKS } from "./state.ts";
import { StartView } from "./view.tsx";

const REFRESH_MS = 10_000;
/** Listing a storage may cost money. */
const STORAGE_EVERY = 6;

/** The first screen: it stands before anything was asked. */
export function openStart(session: Session): Screen {
  const store = new Store(reduceStart, NOT_ASKED);
  let front = new AbortController().signal;
  let config: Config | undefined;
  const placed = Promise.withResolvers<void>();
  return {
    title: "Start",
    keys: () => session.connection === undefined ? START_KEYS : CONNECTED_KEYS,
    press(command) {
      const known = command as StartCommand;
      if (known === "begin") return begin(TASKS[store.state.cursor.index]!.name);
      if (known === "ask") return void ask();
      if (known === "connect") return void connect();
      if (known === "save") return void saveConnection(session, session.connectForm);
      store.dispatch({ type: "move", command: known as MoveCommand });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <StartView state={store.state} area={area} now={session.call.now()} />,
    front(signal) {
      front = signal;
      void keepAsking(signal);
    },
  };

  /** The form begins with what the configuration says, which is read in a moment. */
  async function connect(notice?: string): Promise<void> {
    const signal = front;
    await placed.promise;
    if (signal.aborted) return;
    session.navigator.open(openConnect(session, store.state.places));
    if (notice !== undefined) session.navigator.tell(notice);
  }

  function begin(task: Task): void {
    const { places: { source, storage, login }, lying } = store.state;
    if (task === "configs") {
      if (lying === undefined) return session.navigator.open(openConfigs(session));
      session.useConfig(resolve(lying));
      return void ask();
    }
    if (login !== undefined && (task === "backup" || task === "doctor")) {
      return void connect("First, the password of the broker?");
    }
    if (storage === undefined || (task === "backup" && source === undefined)) {
      return void connect("First, where are the broker and the storage for backups?");
    }
    switch (task) {
      case "backup":
        return session.navigator.open(openQueues(session));
      case "restore":
        return session.navigator.open(openBackups(session));
      case "definitions":
        return session.navigator.open(openDefinitions(session));
      case "doctor":
        return session.navigator.open(openDoctor(session));
    }
  }

  /** While a person looks, the broker's figures stay fresh; the storage is asked less often. */
  async function keepAsking(signal: AbortSignal): Promise<void> {
    for (let round = 0; !signal.aborted; round++) {
      if (round % STORAGE_EVERY === 0) await ask();
      else await askBroker(signal);
      await pause(REFRESH_MS, signal);
    }
  }

  async function ask(): Promise<void> {
    const signal = front;
    try {
      await lookAround();
      config = await session.load("backup");
      if (signal.aborted) return;
      place(config);
      placed.resolve();
      await Promise.all([askBroker(signal), askStorage(signal)]);
    } catch (error) {
      if (signal.aborted) return;
      const failed = { state: "failed", failure: session.failure(error) } as const;
      store.dispatch({ type: "broker", answer: failed });
      store.dispatch({ type: "backups", answer: failed });
      placed.resolve();
    }
  }

  /** Whoever starts where a configuration lies means that one, as a rule. */
  async function lookAround(): Promise<void> {
    const isFree = session.configPath === undefined && session.connection === undefined;
    const name = isFree && await isFile(SAVED_AS) ? SAVED_AS : undefined;
    store.dispatch({ type: "lies", name });
  }

  function place(known: Config): void {
    const { locked } = session;
    const login = locked.source ?? (known.source === undefined ? locked.target : undefined);
    const source = (known.source ?? locked.source?.endpoint)?.amqp_url.address;
    const storage = known.storage && storageLocation(known.storage);
    const target = (known.target ?? locked.target?.endpoint)?.amqp_url.address;
    store.dispatch({
      type: "placed",
      places: {
        ...source === undefined ? {} : { source },
        ...storage === undefined ? {} : { storage },
        ...target === undefined ? {} : { target },
        ...login === undefined ? {} : {
          login: {
            user: login.endpoint.amqp_url.username,
            management: login.endpoint.management_url,
            variables: login.variables,
          },
        },
      },
    });
    const places = [source, storage].filter((place) => place !== undefined);
    session.navigator.setContext(places.join("  "));
  }

  async function askBroker(signal: AbortSignal): Promise<void> {
    const asked = config;
    if (asked === undefined) return;
    if (asked.source === undefined) {
      return store.dispatch({ type: "broker", answer: { state: "missing" } });
    }
    const answer = await answerOf(async () => {
      const { source, queues } = await session.engine.browse(asked, { signal });
      return {
        cluster: source.clusterName,
        version: source.rabbitmqVersion,
        queues: queues.length,
        messages: queues.reduce((sum, { messagesReady = 0 }) => sum + messagesReady, 0),
      };
    }, signal);
    if (answer !== undefined) store.dispatch({ type: "broker", answer });
  }

  async function askStorage(signal: AbortSignal): Promise<void> {
    const asked = config;
    if (asked?.storage === undefined) {
      return store.dispatch({ type: "backups", answer: { state: "missing" } });
    }
    const isFolder = asked.storage.backend === "filesystem";
    const answer = await answerOf(async () => {
      try {
        return { listings: await session.engine.listBackups(asked, { signal }), isNew: false };
      } catch (error) {
        // The first backup makes the folder: nothing has failed.
        const isNew = isFolder && error instanceof AppError && error.code === "storage_missing";
        if (!isNew) throw error;
        return { listings: [], isNew };
      }
    }, signal);
    if (answer !== undefined) store.dispatch({ type: "backups", answer });
  }

  /** Undefined: nobody waits for it any more. */
  async function answerOf<T>(
    get: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<Answer<T> | undefined> {
    try {
      const value = await get();
      return signal.aborted ? undefined : { state: "there", value };
    } catch (error) {
      if (signal.aborted) return undefined;
      return { state: "failed", failure: session.failure(error) };
    }
  }
}
