import { type Config, requireTarget } from "../../../src/config/config.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { connectionOf } from "../connect/connection.ts";
import type { TargetChoice } from "../restore_plan/state.ts";
import { TARGET_KEYS, type TargetCommand, TRIED_TARGET_KEYS } from "./keys.ts";
import { NO_TARGET, reduceTarget, TARGET_FIELDS, type TargetState } from "./state.ts";
import { TargetView } from "./view.tsx";

const ALL_QUEUES = { include: [], exclude: [], vhosts: [], types: [], min_messages: 0 };

/** A broker to be restored into. */
export interface TargetCall {
  /** The configuration with this broker as its target. */
  load(target: TargetChoice | undefined): Promise<Config>;
  commandLine(target: TargetChoice | undefined): string;
  /** `undefined`: the one that is configured. */
  take(target: TargetChoice | undefined): void;
}

/** Asks for another broker than the configured one, and tries it. */
export function openTarget(session: Session, call: TargetCall): Screen {
  const store = new Store(reduceTarget, NO_TARGET);
  let left = new AbortController().signal;
  let trial = new AbortController();
  return {
    title: "Target",
    keys: () => store.state.test.state === "there" ? TRIED_TARGET_KEYS : TARGET_KEYS,
    typing: { text: (text) => store.dispatch({ type: "type", text }) },
    press(command) {
      const known = command as TargetCommand;
      switch (known) {
        case "cancel":
          return session.navigator.back();
        case "advance":
          return advance();
        case "test":
          return void test();
        default:
          return store.dispatch({ type: known });
      }
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <TargetView state={store.state} area={area} />,
    commandLine: () => call.commandLine(targetOf(store.state)),
    open: (signal) => left = signal,
  };

  function advance(): void {
    const { test: { state }, focus } = store.state;
    const target = targetOf(store.state);
    if (state === "there" || (target === undefined && focus === 0)) {
      session.navigator.back();
      return call.take(target);
    }
    if (focus < TARGET_FIELDS.length - 1) return store.dispatch({ type: "next" });
    void test();
  }

  /** Asks the broker who it is. */
  async function test(): Promise<void> {
    trial.abort();
    trial = new AbortController();
    const signal = AbortSignal.any([left, trial.signal]);
    store.dispatch({ type: "asking" });
    try {
      const config = await call.load(targetOf(store.state));
      const asked = { ...config, source: { ...requireTarget(config), queues: ALL_QUEUES } };
      const { source, queues } = await session.engine.browse(asked, { signal });
      if (signal.aborted) return;
      store.dispatch({
        type: "answered",
        answer: {
          cluster: source.clusterName,
          version: source.rabbitmqVersion,
          queues: queues.length,
          messages: queues.reduce((sum, { messagesReady = 0 }) => sum + messagesReady, 0),
        },
      });
    } catch (error) {
      if (!signal.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}

/** What the configuration says of the management API of another broker. */
const UNSET = ["management_url", "management_username", "management_password"].map((key) => ({
  path: ["target", key],
  value: undefined,
  origin: "what was typed here",
}));

/** What is typed, as settings and flags; undefined: nothing is, and the target is the configured one. */
function targetOf({ values }: TargetState): TargetChoice | undefined {
  if (values.host.trim() === "") return undefined;
  const { overrides, flags } = connectionOf({ ...values, storage: "" });
  return { overrides: [...UNSET, ...overrides("target")], flags: flags.broker };
}
