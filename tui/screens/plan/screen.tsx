import { DEFAULT_BACKUP_ID, expandBackupId } from "../../../src/config/backup_id.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { Pace } from "../../../src/engine/pace.ts";
import type { BackupCall } from "../../app/engine.ts";
import type { Area, Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import type { QueueChoice } from "../queues/choice.ts";
import { openRun, summaryEnd } from "../run/screen.tsx";
import { NO_START_KEYS, PLAN_KEYS, type PlanCommand } from "./keys.ts";
import { NO_PLAN, reducePlan } from "./state.ts";
import { planPage, PlanView, readQueues } from "./view.tsx";

/** What a backup of the chosen queues would do, as `backup --dry-run` says it. */
export function openPlan(session: Session, choice: QueueChoice): Screen {
  const store = new Store(reducePlan, NO_PLAN);
  let call: BackupCall | undefined;
  let left = new AbortController().signal;
  return {
    title: "Plan",
    keys: () => readQueues(store.state).length === 0 ? NO_START_KEYS : PLAN_KEYS,
    press,
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <PlanView state={store.state} area={area} />,
    commandLine: () => session.commandLine("backup", choice.flags),
    open(signal) {
      left = signal;
      void plan();
    },
  };

  function press(command: string, area: Area): void {
    const known = command as PlanCommand;
    if (known === "start") return start();
    if (known === "refresh") return void plan();
    store.dispatch({ type: "move", command: known as MoveCommand, page: planPage(area) });
  }

  async function plan(): Promise<void> {
    store.dispatch({ type: "planning" });
    try {
      const config = await session.load("backup", choice.overrides);
      const backupId = expandBackupId(config.backup_id ?? DEFAULT_BACKUP_ID, session.call.now());
      call = { config, backupId };
      const planned = await session.engine.planBackup({
        ...call,
        emit: session.safely((event) => {
          if (event.type === "warning") store.dispatch({ type: "warned", warning: event });
        }),
        signal: left,
      });
      if (planned.storage.state === "problem") {
        const problem = session.failure(planned.storage.problem);
        store.dispatch({ type: "warned", warning: { type: "warning", ...problem } });
      }
      store.dispatch({ type: "planned", plan: planned });
    } catch (error) {
      if (!left.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }

  function start(): void {
    const started = call;
    if (started === undefined) return;
    const flags = [...choice.flags, "--backup-id", shellWord(started.backupId)];
    session.navigator.replace(openRun(session, {
      title: "Backing up",
      what: "The backup",
      stopping: "giving the messages back and keeping what was read",
      command: "backup",
      flags,
      newPace: () => new Pace(),
      run: (tools) => session.engine.runBackup({ ...started, ...tools }),
      end: summaryEnd(session),
    }));
  }
}
