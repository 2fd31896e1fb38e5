import type { Database, Row } from "./database.ts";
import type { CopyStamp, Run, RunKey } from "./rows.ts";

/** Runs, the copies of their progress, and the names under which they held locks. */
export class RunTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The run of that key, if there is one. */
  find(key: RunKey): Run | undefined {
    const row = this.#db.get(
      // All columns: a file that is only read may be of an older schema.
      "SELECT * FROM run WHERE operation = ? AND backup_id = ? AND location = ? AND scope = ?",
      key.operation,
      key.backupId,
      key.location,
      key.scope,
    ) as RunRow | undefined;
    // The key as it was given: SQLite's text ends at a NUL.
    return row && { ...runOf(row), ...key };
  }

  /** All runs. */
  all(): Run[] {
    return (this.#db.all("SELECT * FROM run") as RunRow[]).map(runOf);
  }

  /** Targets, other than this one, into which a restore of the same backup is unfinished. */
  otherScopes({ operation, backupId, location, scope }: RunKey): string[] {
    const rows = this.#db.all(
      `SELECT scope FROM run WHERE operation = ? AND backup_id = ? AND location = ? AND scope <> ?
         AND state = 'running' AND EXISTS (SELECT 1 FROM restore_queue WHERE run_id = run.id)
       ORDER BY scope`,
      operation,
      backupId,
      location,
      scope,
    ) as { scope: string }[];
    return rows.map((row) => row.scope);
  }

  /** Records a new run; one of the same key is forgotten with all that hangs on it. */
  start(
    key: RunKey,
    { peer, startedAt, choice = "" }: { peer: string; startedAt: number; choice?: string },
  ): Run {
    const run = this.find(key);
    if (run !== undefined) this.forget(run.id);
    const { lastInsertRowid } = this.#db.run(
      "INSERT INTO run (operation, backup_id, location, scope, peer, state, started_at, choice) VALUES (?, ?, ?, ?, ?, 'running', ?, ?)",
      key.operation,
      key.backupId,
      key.location,
      key.scope,
      peer,
      startedAt,
      choice,
    );
    return { ...key, id: Number(lastInsertRowid), peer, state: "running", startedAt, choice };
  }

  /** Marks a run as finished. */
  finish(runId: number): void {
    this.#db.run("UPDATE run SET state = 'done' WHERE id = ?", runId);
  }

  /** Removes a run and its queues. */
  forget(runId: number): void {
    this.#db.run("DELETE FROM run WHERE id = ?", runId);
  }

  /** Which copy the run goes on from. */
  copyStamp(runId: number): CopyStamp {
    // All columns: a file that is only read may be of an older schema.
    const row = this.#db.get("SELECT * FROM run WHERE id = ?", runId) as Row;
    return {
      sequence: Number(row["copy_sequence"] ?? 0),
      writer: String(row["copy_writer"] ?? ""),
    };
  }

  /** Records that a copy of the run is in the storage. */
  putCopyStamp(runId: number, { sequence, writer }: CopyStamp): void {
    this.#db.run(
      "UPDATE run SET copy_sequence = ?, copy_writer = ? WHERE id = ?",
      sequence,
      writer,
      runId,
    );
  }

  /** Names under which processes that use this file have held the run's lock in the storage. */
  lockOwners(key: RunKey): string[] {
    const isThere = this.#db.get("SELECT 1 FROM sqlite_schema WHERE name = 'lock_owner'");
    if (isThere === undefined) return [];
    const rows = this.#db.all(
      `SELECT owner FROM lock_owner
       WHERE operation = ? AND backup_id = ? AND location = ? AND scope = ?`,
      ...keyValues(key),
    ) as { owner: string }[];
    return rows.map(({ owner }) => owner);
  }

  /** Records a name before the lock is taken under it. */
  addLockOwner(key: RunKey, owner: string): void {
    this.#db.run("INSERT INTO lock_owner VALUES (?, ?, ?, ?, ?)", ...keyValues(key), owner);
  }

  /** Forgets the names: a lock under them is no longer in the storage. */
  forgetLockOwners(key: RunKey): void {
    this.#db.run(
      "DELETE FROM lock_owner WHERE operation = ? AND backup_id = ? AND location = ? AND scope = ?",
      ...keyValues(key),
    );
  }
}

interface RunRow {
  id: number;
  operation: string;
  backup_id: string;
  location: string;
  scope: string;
  peer: string;
  state: string;
  started_at: number;
  choice?: string;
}

function runOf(row: RunRow): Run {
  return {
    operation: row.operation as Run["operation"],
    backupId: row.backup_id,
    location: row.location,
    scope: row.scope,
    id: row.id,
    peer: row.peer,
    state: row.state as Run["state"],
    startedAt: row.started_at,
    choice: row.choice ?? "",
  };
}

const keyValues = ({ operation, backupId, location, scope }: RunKey): string[] => [
  operation,
  backupId,
  location,
  scope,
];
