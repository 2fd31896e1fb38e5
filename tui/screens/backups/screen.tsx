import type { Config } from "../../../src/config/config.ts";
import type { Screen } from "../../app/screen.ts";
import { type BackupCheck, checkKey, type Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import {
  pickerAction,
  type PickerCommand,
  pickerKeys,
  pickerTyping,
} from "../../components/picker_keys.ts";
import { openContents } from "../contents/screen.tsx";
import { openValidateRun } from "../run/validate.ts";
import { BACKUPS_KEYS, type BackupsCommand } from "./keys.ts";
import { currentBackup, isFinished, NOT_LISTED, reduceBackups } from "./state.ts";
import { backupsPage, BackupsView } from "./view.tsx";

/** The backups of the storage, of which one is chosen to be restored. */
export function openBackups(session: Session): Screen {
  const store = new Store(reduceBackups, NOT_LISTED);
  let left = new AbortController().signal;
  /** The configuration by which they were listed. */
  let listed: Config | undefined;
  return {
    title: "Restore",
    keys: () => pickerKeys(store.state.picker, BACKUPS_KEYS, { canMark: false }),
    get typing() {
      return pickerTyping(store.state.picker, (action) => store.dispatch({ type: "pick", action }));
    },
    press(command, area) {
      const known = command as BackupsCommand | PickerCommand;
      if (known === "choose") return choose();
      if (known === "refresh") return void list();
      if (known === "validate" || known === "validateDeep") {
        return validate({ deep: known === "validateDeep" });
      }
      store.dispatch({ type: "pick", action: pickerAction(known, backupsPage(area)) });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => (
      <BackupsView state={store.state} checkOf={checkOf} area={area} now={session.call.now()} />
    ),
    commandLine: () => session.commandLine("list"),
    open(signal) {
      left = signal;
      void list();
    },
  };

  function checkOf(backupId: string): BackupCheck | undefined {
    return listed === undefined ? undefined : session.checks.get(checkKey(listed, backupId));
  }

  function choose(): void {
    const backup = currentBackup(store.state);
    if (backup === undefined) return;
    if (isFinished(backup)) return session.navigator.open(openContents(session, backup.backupId));
    session.navigator.tell(`A backup that is ${backup.state} cannot be restored`);
  }

  function validate({ deep }: { deep: boolean }): void {
    const backup = currentBackup(store.state);
    if (backup === undefined) return;
    const { backupId } = backup;
    session.navigator.open(openValidateRun(session, { backupId, deep }));
  }

  async function list(): Promise<void> {
    try {
      const config = await session.load("restore");
      const backups = await session.engine.listBackups(config, { signal: left });
      listed = config;
      store.dispatch({ type: "listed", backups });
    } catch (error) {
      if (!left.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
