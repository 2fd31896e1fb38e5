import { type Config, requireTarget } from "../../../src/config/config.ts";
import { storageLocation } from "../../../src/config/storage.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import type { QueueName } from "../../../src/engine/restore/mapping.ts";
import type { RestoreCall } from "../../app/engine.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { openConfirm } from "../confirm/screen.tsx";
import { openOptions } from "../options/screen.tsx";
import type { QueueChoice } from "../queues/choice.ts";
import { openRestoreRun } from "../run/restore.ts";
import { openTarget } from "../target/screen.tsx";
import { openWindow, type WindowChoice } from "../window/screen.tsx";
import { NO_RESTORE_KEYS, RESTORE_PLAN_KEYS, type RestorePlanCommand } from "./keys.ts";
import { canRestore, NO_RESTORE_PLAN, reduceRestorePlan, type RestoreWishes } from "./state.ts";
import { confirmLines } from "./summary.ts";
import { restorePlanPage, RestorePlanView } from "./view.tsx";
import { wishedSettings } from "./wishes.ts";

/** What a restore of the chosen queues would do, as `restore --dry-run` says it. */
export function openRestorePlan(
  session: Session,
  { backupId, choice, queues }: {
    backupId: string;
    choice: QueueChoice;
    /** All that the backup has. */
    queues: readonly QueueName[];
  },
): Screen {
  const draft = session.restoreDraft(backupId);
  const store = new Store(reduceRestorePlan, { ...NO_RESTORE_PLAN, wishes: draft.wishes });
  const { navigator } = session;
  const idFlags = ["--backup-id", shellWord(backupId)];
  let call: RestoreCall | undefined;
  /** Those of the target, once it is known. */
  let targetFlags: readonly string[] = [];
  /** The target and the storage, once they are known. */
  let place: string | undefined;
  let left = new AbortController().signal;
  return {
    title: "Plan",
    keys: () => canRestore(store.state) ? RESTORE_PLAN_KEYS : NO_RESTORE_KEYS,
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <RestorePlanView state={store.state} area={area} />,
    commandLine: () => commandLine(),
    place: () => place,
    open(signal) {
      left = signal;
      void plan();
    },
  };

  function commandLine(wishes: Partial<RestoreWishes> = {}): string {
    return session.commandLine("restore", flags(wishes));
  }

  function flags(wishes: Partial<RestoreWishes> = {}): string[] {
    const wished = { ...store.state.wishes, ...wishes };
    const target = "target" in wishes ? wishes.target?.flags ?? [] : targetFlags;
    return [
      ...target,
      ...choice.flags,
      ...wishedSettings(wished, session.call.restoreSettings).flags,
      ...idFlags,
    ];
  }

  function press(command: string, area: Area): void {
    const known = command as RestorePlanCommand;
    switch (known) {
      case "start":
        return ask();
      case "refresh":
        return void plan();
      case "window":
        return chooseWindow();
      case "target":
        return chooseTarget();
      case "options":
        return chooseOptions();
      case "nextIfNotEmpty":
      case "definitions":
        store.dispatch({ type: known });
        return void plan();
      default: {
        const page = restorePlanPage(area);
        store.dispatch({ type: "move", command: known as MoveCommand, page });
      }
    }
  }

  function wish(wishes: Partial<RestoreWishes>): void {
    store.dispatch({ type: "wish", wishes });
    void plan();
  }

  function chooseWindow(): void {
    navigator.open(openWindow(session, {
      backupId,
      window: store.state.wishes.window,
      load: async () => (await load({ window: "" })).config,
      commandLine: (choice) => commandLine(wishesOf(choice)),
      take: (choice) => wish(wishesOf(choice)),
    }));
  }

  function wishesOf({ window, field }: WindowChoice): Partial<RestoreWishes> {
    if (field === undefined) return { window };
    const { options } = store.state.wishes;
    return { window, options: { ...options, "time-window-field": field } };
  }

  function chooseTarget(): void {
    navigator.open(openTarget(session, {
      load: async (target) => (await load({ target })).config,
      commandLine: (target) => commandLine({ target }),
      take: (target) => wish({ target }),
    }));
  }

  function chooseOptions(): void {
    navigator.open(openOptions(session, {
      values: store.state.wishes.options,
      check: (options) => load({ options }),
      commandLine: (options) => commandLine({ options }),
      done: (options) => wish({ options }),
    }));
  }

  /** The configuration with what was chosen, and flags that lead to the same target. */
  async function load(
    others: Partial<RestoreWishes> = {},
  ): Promise<{ config: Config; flags: readonly string[] }> {
    const wishes = { ...store.state.wishes, ...others };
    const { target } = wishes;
    const { overrides } = wishedSettings(wishes, session.call.restoreSettings);
    const loaded = await session.loadRestore([
      ...choice.overrides,
      ...overrides,
      ...target?.overrides ?? [],
    ]);
    return { ...loaded, flags: [...loaded.flags, ...target?.flags ?? []] };
  }

  async function plan(): Promise<void> {
    store.dispatch({ type: "planning" });
    const { wishes } = store.state;
    draft.wishes = wishes;
    // An older plan that comes late must not take the place of this one.
    const isCurrent = () => !left.aborted && store.state.wishes === wishes;
    try {
      const loaded = await load();
      targetFlags = loaded.flags;
      place = placeOf(loaded.config);
      call = { config: loaded.config, backupId, now: session.call.now() };
      const planned = await session.engine.planRestore({
        ...call,
        emit: session.safely((event) => {
          if (event.type === "warning" && isCurrent()) {
            store.dispatch({ type: "warned", warning: event });
          }
        }),
        signal: left,
      });
      if (isCurrent()) store.dispatch({ type: "planned", plan: planned });
    } catch (error) {
      if (isCurrent()) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }

  function ask(): void {
    const { plan, wishes } = store.state;
    const restore = call;
    if (plan === undefined || restore === undefined) return;
    const { verifyFlags } = wishedSettings(wishes, session.call.restoreSettings);
    const run = {
      restore,
      flags: flags(),
      queues,
      verifyFlags: (chosen: QueueChoice) => [
        ...targetFlags,
        ...chosen.flags,
        ...verifyFlags,
        ...idFlags,
      ],
      place: placeOf(restore.config),
    };
    navigator.open(openConfirm({
      button: "Restore",
      target: plan.target.address,
      lines: confirmLines(plan, wishes),
      commandLine: () => commandLine(),
      cancel() {
        navigator.back();
        navigator.tell("Cancelled: nothing was written");
      },
      confirm() {
        // Back to the plan is back to what was before the restore, so it goes.
        navigator.back();
        navigator.replace(openRestoreRun(session, run));
      },
    }));
  }
}

function placeOf(config: Config): string {
  const { address } = requireTarget(config).amqp_url;
  return [address, config.storage && storageLocation(config.storage)].filter(Boolean).join("  ");
}
