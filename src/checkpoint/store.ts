import { Database, type Row } from "./database.ts";
import { BackupTable } from "./backup_table.ts";
import { RestoreTable } from "./restore_table.ts";
import { RunTable } from "./run_table.ts";
import type { CopyStamp, RestoreQueueRow, Run, RunKey } from "./rows.ts";
import { insertOf, RUN_TABLES, writeRunCopy } from "./run_copy.ts";

/**
 * What is done and where to go on, in one SQLite file (WAL). One writer; every method commits.
 *
 * `synchronous = NORMAL`: a power failure may lose the last commits, never the order of them. A
 * checkpoint that is behind is safe (work is done again), one that is ahead of the data is not:
 * callers record a step only after its data is durable.
 */
export class CheckpointStore implements Disposable {
  readonly runs: RunTable;
  readonly backups: BackupTable;
  readonly restores: RestoreTable;
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
    this.runs = new RunTable(db);
    this.backups = new BackupTable(db);
    this.restores = new RestoreTable(db);
  }

  /**
   * Opens or creates the file and checks it whole. Throws `damaged` when SQLite finds it corrupt or
   * it belongs to something else (which is not touched), `storage_denied` or `storage_full` when it
   * cannot be written, `locked` when another process writes to it for longer than `waitMs`
   * (5 seconds); the methods throw these too.
   */
  static open(path: string, options: { waitMs?: number } = {}): CheckpointStore {
    return new CheckpointStore(Database.open(path, options));
  }

  /**
   * Opens the file to read it, and leaves all as it is; undefined when nothing is recorded yet. Methods
   * that write then throw. Throws as {@linkcode open}.
   */
  static openToRead(path: string): CheckpointStore | undefined {
    const db = Database.openToRead(path);
    return db && new CheckpointStore(db);
  }

  [Symbol.dispose](): void {
    this.#db[Symbol.dispose]();
  }

  get path(): string {
    return this.#db.path;
  }

  /** Grows with every change that this process makes. */
  get changes(): number {
    return (this.#db.get("SELECT total_changes() AS changes") as { changes: number }).changes;
  }

  /**
   * Writes one run, as it is now, into a file of its own. Restore: positions in `ahead` stand there in
   * place of those that are recorded. Throws as {@linkcode open}.
   */
  async copyRun(
    runId: number,
    options: {
      to: string;
      stamp: CopyStamp;
      ahead: readonly RestoreQueueRow[];
      signal: AbortSignal;
    },
  ): Promise<void> {
    const { to, ahead } = options;
    await writeRunCopy({ ...options, from: this.path, runId });
    using copy = CheckpointStore.open(to);
    for (const row of ahead) copy.restores.putQueue(runId, row);
  }

  /**
   * Takes a run over from another file, in place of what is known here of the same run. What queues
   * of its broker are expected to carry is kept where it is more.
   */
  takeRun(key: RunKey, from: { store: CheckpointStore; run: Run }): Run {
    const { store, run: { peer, startedAt, choice, state, id } } = from;
    this.#db.transaction(() => {
      const run = this.runs.start(key, { peer, startedAt, choice });
      this.runs.putCopyStamp(run.id, store.runs.copyStamp(id));
      if (state === "done") this.runs.finish(run.id);
      for (const table of RUN_TABLES) {
        const rows = store.#db.all(`SELECT * FROM ${table} WHERE run_id = ?`, id);
        for (const row of rows as Row[]) this.#insert(table, { ...row, run_id: run.id });
      }
      for (const row of store.#db.all("SELECT * FROM delivery_count") as Row[]) {
        this.#insert(
          "delivery_count",
          row,
          "ON CONFLICT DO UPDATE SET expected = max(expected, excluded.expected)",
        );
      }
    });
    return this.runs.find(key)!;
  }

  #insert(table: string, row: Row, rest = ""): void {
    this.#db.run(insertOf(table, row, rest), ...Object.values(row));
  }
}
