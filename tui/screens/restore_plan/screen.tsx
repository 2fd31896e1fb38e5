import { shellWord } from "../../../src/console/resume_command.ts";
import type { RestoreCall } from "../../app/engine.ts";
import type { MoveCommand } from "../../app/keys.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { openConfirm } from "../confirm/screen.tsx";
import type { QueueChoice } from "../queues/choice.ts";
import { openRestoreRun } from "../run/restore.ts";
import {
  NO_RESTORE_KEYS,
  RESTORE_PLAN_KEYS,
  type RestorePlanCommand,
  WINDOW_KEYS,
} from "./keys.ts";
import { canRestore, NO_RESTORE_PLAN, reduceRestorePlan } from "./state.ts";
import { restorePlanPage, RestorePlanView } from "./view.tsx";
import { wishedSettings } from "./wishes.ts";

/** What a restore of the chosen queues would do, as `restore --dry-run` says it. */
export function openRestorePlan(
  session: Session,
  { backupId, choice }: { backupId: string; choice: QueueChoice },
): Screen {
  const store = new Store(reduceRestorePlan, NO_RESTORE_PLAN);
  let call: RestoreCall | undefined;
  /** Those of the target, once it is known. */
  let targetFlags: readonly string[] = [];
  let left = new AbortController().signal;
  return {
    title: "Plan",
    keys() {
      const { state } = store;
      return state.isEditing
        ? WINDOW_KEYS
        : canRestore(state)
        ? RESTORE_PLAN_KEYS
        : NO_RESTORE_KEYS;
    },
    get typing() {
      if (!store.state.isEditing) return undefined;
      return { text: (text: string) => store.dispatch({ type: "typeWindow", text }) };
    },
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <RestorePlanView state={store.state} area={area} />,
    commandLine: () => session.commandLine("restore", flags()),
    open(signal) {
      left = signal;
      void plan();
    },
  };

  function flags(): string[] {
    return flagsWith(wishedSettings(store.state.wishes).flags);
  }

  function flagsWith(wished: readonly string[]): string[] {
    return [...targetFlags, ...choice.flags, ...wished, "--backup-id", shellWord(backupId)];
  }

  function press(command: string, area: Area): void {
    const known = command as RestorePlanCommand;
    switch (known) {
      case "start":
        return ask();
      case "refresh":
        return void plan();
      case "editWindow":
      case "eraseWindow":
        return store.dispatch({ type: known });
      case "keepWindow":
      case "dropWindow":
      case "nextIfNotEmpty":
      case "definitions":
        store.dispatch({ type: known });
        return void plan();
      default:
        store.dispatch({
          type: "move",
          command: known as MoveCommand,
          page: restorePlanPage(area),
        });
    }
  }

  async function plan(): Promise<void> {
    store.dispatch({ type: "planning" });
    const { wishes } = store.state;
    // An older plan that comes late must not take the place of this one.
    const isCurrent = () => !left.aborted && store.state.wishes === wishes;
    try {
      const { overrides } = wishedSettings(wishes);
      const loaded = await session.loadRestore([...choice.overrides, ...overrides]);
      targetFlags = loaded.flags;
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
    const { plan } = store.state;
    const restore = call;
    if (plan === undefined || restore === undefined) return;
    session.navigator.open(openConfirm({
      button: "Restore",
      target: plan.target.address,
      lines: [`Backup ${backupId} will be written into ${plan.target.address}.`],
      commandLine: () => session.commandLine("restore", flags()),
      cancel: () => session.navigator.back(),
      confirm: () => {
        // Back to the plan is back to what was before the restore, so it goes.
        session.navigator.back();
        const verifyFlags = flagsWith(wishedSettings(store.state.wishes).messageFlags);
        session.navigator.replace(
          openRestoreRun(session, { restore, flags: flags(), verifyFlags }),
        );
      },
    }));
  }
}
