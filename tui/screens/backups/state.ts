import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Failure } from "../../app/failure.ts";
import {
  currentRow,
  EMPTY_PICKER,
  type Picker,
  type PickerAction,
  type PickerRow,
  type PickerSpec,
  reducePicker,
} from "../../components/picker.ts";

/** One backup of a storage. */
export interface BackupRow extends PickerRow {
  readonly backup: BackupListing;
}

/** The backups of a storage. */
export interface BackupsState {
  /** Whether they are known. */
  readonly isListed: boolean;
  readonly picker: Picker<BackupRow>;
  readonly failure?: Failure;
}

export const NOT_LISTED: BackupsState = { isListed: false, picker: EMPTY_PICKER };

export type BackupsAction =
  | { type: "listed"; backups: readonly BackupListing[] }
  | { type: "failed"; failure: Failure }
  | { type: "pick"; action: PickerAction<BackupRow> };

/** Indexes of the orders, for the columns that show them. */
export const ORDER = { age: 0, name: 1, state: 2, messages: 3, size: 4 } as const;

const SPEC: PickerSpec<BackupRow> = {
  text: ({ backup }) => `${backup.backupId} ${backup.state} ${backup.notes.join(" ")}`,
  type: ({ backup }) => backup.state,
  orders: [
    { name: "age", compare: (a, b) => (b.backup.createdAt ?? 0) - (a.backup.createdAt ?? 0) },
    { name: "name", compare: (a, b) => a.backup.backupId.localeCompare(b.backup.backupId) },
    { name: "state", compare: (a, b) => a.backup.state.localeCompare(b.backup.state) },
    highest("messages", ({ messages }) => messages),
    highest("size", ({ sizeBytes }) => sizeBytes),
  ],
};

/** The list after something has come, or was pressed. */
export function reduceBackups(state: BackupsState, action: BackupsAction): BackupsState {
  switch (action.type) {
    case "listed": {
      const rows = action.backups.map((backup) => ({ key: backup.backupId, backup }));
      const picker = reducePicker(SPEC, state.picker, { type: "rows", rows });
      return { isListed: true, picker };
    }
    case "failed":
      return { ...state, failure: action.failure };
    case "pick":
      return { ...state, picker: reducePicker(SPEC, state.picker, action.action) };
  }
}

/** The backup that the cursor is on. */
export function currentBackup({ picker }: BackupsState): BackupListing | undefined {
  return currentRow(picker)?.backup;
}

/** Whether there is something in it that can be restored. */
export function isFinished({ state }: BackupListing): boolean {
  return state === "complete" || state === "partial";
}

function highest(name: string, figure: (backup: BackupListing) => number | null) {
  const compare = (a: BackupRow, b: BackupRow) => (figure(a.backup) ?? 0) - (figure(b.backup) ?? 0);
  return { name, compare, highestFirst: true } as const;
}
