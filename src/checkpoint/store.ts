import { existsSync, statSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { dirname, join } from "node:path";
import { parseExactJson } from "../exact_json.ts";
import type {
  BackupQueueRow,
  CopyStamp,
  RecordRange,
  RestoreQueueRow,
  Run,
  RunKey,
  SegmentRow,
} from "./rows.ts";
import { insertOf, type Row, RUN_TABLES, writeRunCopy } from "./run_copy.ts";
import { assertOurs, migrate, schemaVersion } from "./schema.ts";
import { NotOursError, storeError } from "./store_error.ts";

/**
 * What is done and where to go on, in one SQLite file (WAL). One writer; every method commits.
 *
 * `synchronous = NORMAL`: a power failure may lose the last commits, never the order of them. A
 * checkpoint that is behind is safe (work is done again), one that is ahead of the data is not:
 * callers record a step only after its data is durable.
 */
export class CheckpointStore implements Disposable {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #cleanup: DisposableStack;

  private constructor(path: string, db: DatabaseSync, cleanup: DisposableStack) {
    this.path = path;
    this.#db = db;
    this.#cleanup = cleanup;
  }

  /**
   * Opens or creates the file and checks it whole. Throws `damaged` when SQLite finds it corrupt or
   * it belongs to something else (which is not touched), `storage_denied` or `storage_full` when it
   * cannot be written, `locked` when another process writes to it for longer than `waitMs`
   * (5 seconds); the methods throw these too.
   */
  static open(path: string, options: { waitMs?: number } = {}): CheckpointStore {
    using cleanup = new DisposableStack();
    try {
      if (path !== ":memory:") Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      assertFile(path);
      const db = new DatabaseSync(path, { timeout: options.waitMs ?? 5_000 });
      cleanup.defer(() => db.close());
      assertOurs(db);
      if (path !== ":memory:") Deno.chmodSync(path, 0o600);
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
      const check = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
      if (check.quick_check !== "ok") throw new Error(check.quick_check);
      migrate(db);
      return new CheckpointStore(path, db, cleanup.move());
    } catch (error) {
      throw storeError(path, error);
    }
  }

  /**
   * Opens the file to read it, and leaves all as it is; undefined when nothing is recorded yet. Methods
   * that write then throw. Throws as {@linkcode open}.
   */
  static openToRead(path: string): CheckpointStore | undefined {
    if (!existsSync(path)) return undefined;
    using cleanup = new DisposableStack();
    try {
      const db = new DatabaseSync(readablePath(path, cleanup), { readOnly: true });
      cleanup.defer(() => db.close());
      assertOurs(db);
      if (schemaVersion(db) === 0) return undefined;
      return new CheckpointStore(path, db, cleanup.move());
    } catch (error) {
      throw storeError(path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }

  /** The run of that key, if there is one. */
  findRun(key: RunKey): Run | undefined {
    const row = this.#get(
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
  runs(): Run[] {
    return (this.#all("SELECT * FROM run") as RunRow[]).map(runOf);
  }

  /** Targets, other than this one, into which a restore of the same backup is unfinished. */
  otherScopes({ operation, backupId, location, scope }: RunKey): string[] {
    const rows = this.#all(
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
  startRun(
    key: RunKey,
    { peer, startedAt, choice = "" }: { peer: string; startedAt: number; choice?: string },
  ): Run {
    const run = this.findRun(key);
    if (run !== undefined) this.forgetRun(run.id);
    const { lastInsertRowid } = this.#run(
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
  finishRun(runId: number): void {
    this.#run("UPDATE run SET state = 'done' WHERE id = ?", runId);
  }

  /** Removes a run and its queues. */
  forgetRun(runId: number): void {
    this.#run("DELETE FROM run WHERE id = ?", runId);
  }

  /** Grows with every change that this process makes. */
  get changes(): number {
    return (this.#get("SELECT total_changes() AS changes") as { changes: number }).changes;
  }

  /** Which copy the run goes on from. */
  copyStamp(runId: number): CopyStamp {
    // All columns: a file that is only read may be of an older schema.
    const row = this.#get("SELECT * FROM run WHERE id = ?", runId) as Row;
    return {
      sequence: Number(row["copy_sequence"] ?? 0),
      writer: String(row["copy_writer"] ?? ""),
    };
  }

  /** Records that a copy of the run is in the storage. */
  putCopyStamp(runId: number, { sequence, writer }: CopyStamp): void {
    this.#run(
      "UPDATE run SET copy_sequence = ?, copy_writer = ? WHERE id = ?",
      sequence,
      writer,
      runId,
    );
  }

  /** Names under which processes that use this file have held the run's lock in the storage. */
  lockOwners(key: RunKey): string[] {
    const isThere = this.#get("SELECT 1 FROM sqlite_schema WHERE name = 'lock_owner'");
    if (isThere === undefined) return [];
    const rows = this.#all(
      `SELECT owner FROM lock_owner
       WHERE operation = ? AND backup_id = ? AND location = ? AND scope = ?`,
      ...keyValues(key),
    ) as { owner: string }[];
    return rows.map(({ owner }) => owner);
  }

  /** Records a name before the lock is taken under it. */
  addLockOwner(key: RunKey, owner: string): void {
    this.#run("INSERT INTO lock_owner VALUES (?, ?, ?, ?, ?)", ...keyValues(key), owner);
  }

  /** Forgets the names: a lock under them is no longer in the storage. */
  forgetLockOwners(key: RunKey): void {
    this.#run(
      "DELETE FROM lock_owner WHERE operation = ? AND backup_id = ? AND location = ? AND scope = ?",
      ...keyValues(key),
    );
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
    for (const row of ahead) copy.putRestoreQueue(runId, row);
  }

  /**
   * Takes a run over from another file, in place of what is known here of the same run. What queues
   * of its broker are expected to carry is kept where it is more.
   */
  takeRun(key: RunKey, from: { store: CheckpointStore; run: Run }): Run {
    const { store, run: { peer, startedAt, choice, state, id } } = from;
    this.#transaction(() => {
      const run = this.startRun(key, { peer, startedAt, choice });
      this.putCopyStamp(run.id, store.copyStamp(id));
      if (state === "done") this.finishRun(run.id);
      for (const table of RUN_TABLES) {
        const rows = store.#all(`SELECT * FROM ${table} WHERE run_id = ?`, id);
        for (const row of rows as Row[]) this.#insert(table, { ...row, run_id: run.id });
      }
      for (const row of store.#all("SELECT * FROM delivery_count") as Row[]) {
        this.#insert(
          "delivery_count",
          row,
          "ON CONFLICT DO UPDATE SET expected = max(expected, excluded.expected)",
        );
      }
    });
    return this.findRun(key)!;
  }

  /** All queues of a backup run. */
  backupQueues(runId: number): BackupQueueRow[] {
    const rows = this.#all(
      "SELECT vhost, name, state, report FROM backup_queue WHERE run_id = ? ORDER BY vhost, name",
      runId,
    ) as { vhost: string; name: string; state: string; report: string }[];
    return rows.map((row) => ({
      vhost: decodeName(row.vhost),
      name: decodeName(row.name),
      state: row.state as BackupQueueRow["state"],
      report: parseExactJson(row.report) as BackupQueueRow["report"],
    }));
  }

  /** Records the state of a queue; its segments are forgotten when it is being read anew. */
  putBackupQueue(runId: number, row: BackupQueueRow): void {
    this.#transaction(() => {
      if (row.state === "reading") {
        this.#run(
          "DELETE FROM segment WHERE run_id = ? AND vhost = ? AND name = ?",
          runId,
          encodeName(row.vhost),
          encodeName(row.name),
        );
      }
      this.#run(
        `INSERT INTO backup_queue (run_id, vhost, name, state, report) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = excluded.state, report = excluded.report`,
        runId,
        encodeName(row.vhost),
        encodeName(row.name),
        row.state,
        JSON.stringify(row.report),
      );
    });
  }

  /** Records that a queue was read whole: its state and its segments, at once. */
  putCaptured(runId: number, row: BackupQueueRow, segments: readonly SegmentRow[]): void {
    this.putBackupQueue(runId, { ...row, state: "reading" });
    this.#transaction(() => {
      for (const segment of segments) this.#putSegment(runId, row, segment);
      this.#run(
        "UPDATE backup_queue SET state = ? WHERE run_id = ? AND vhost = ? AND name = ?",
        row.state,
        runId,
        encodeName(row.vhost),
        encodeName(row.name),
      );
    });
  }

  /** Segments of a queue, in order. */
  segments(runId: number, queue: { vhost: string; name: string }): SegmentRow[] {
    const rows = this.#all(
      "SELECT sequence, spooled, stored FROM segment WHERE run_id = ? AND vhost = ? AND name = ? ORDER BY sequence",
      runId,
      encodeName(queue.vhost),
      encodeName(queue.name),
    ) as {
      sequence: number;
      spooled: string;
      stored: string | null;
    }[];
    return rows.map((row) => ({
      sequence: row.sequence,
      spooled: JSON.parse(row.spooled),
      stored: row.stored === null ? undefined : JSON.parse(row.stored),
    }));
  }

  /** Records that a segment is in storage. */
  putSegment(runId: number, queue: { vhost: string; name: string }, segment: SegmentRow): void {
    this.#putSegment(runId, queue, segment);
  }

  /**
   * The `x-delivery-count` that a queue's messages are expected to arrive with, from what earlier
   * backups of the same broker saw and charged; 0 when nothing is known.
   */
  deliveryCount(peer: string, queue: { vhost: string; name: string }): number {
    const [row] = this.#all(
      "SELECT expected FROM delivery_count WHERE peer = ? AND vhost = ? AND name = ?",
      peer,
      encodeName(queue.vhost),
      encodeName(queue.name),
    ) as { expected: number }[];
    return row?.expected ?? 0;
  }

  /** Records what {@linkcode deliveryCount} gives from now on. */
  putDeliveryCount(
    peer: string,
    queue: { vhost: string; name: string },
    expected: number,
  ): void {
    this.#run(
      `INSERT INTO delivery_count (peer, vhost, name, expected) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET expected = excluded.expected`,
      peer,
      encodeName(queue.vhost),
      encodeName(queue.name),
      expected,
    );
  }

  /** Positions of a restore run. */
  restoreQueues(runId: number): RestoreQueueRow[] {
    const rows = this.#all(
      // All columns: a file that is only read may be of an older schema.
      "SELECT * FROM restore_queue WHERE run_id = ?",
      runId,
    ) as {
      vhost: string;
      name: string;
      confirmed: number;
      unsettled: number;
      resent: number;
      done: number;
      unbound?: number;
      undelivered?: number;
      left_out?: number;
      untimed?: number;
    }[];
    return rows.map(({ vhost, name, confirmed, unsettled, resent, done, unbound, ...row }) => ({
      vhost: decodeName(vhost),
      name: decodeName(name),
      confirmed,
      unsettled,
      resent,
      done: done === 1,
      ...(unbound === 1 ? { unbound: true } : {}),
      ...(row.undelivered ? { undelivered: row.undelivered } : {}),
      ...(row.left_out ? { leftOut: row.left_out } : {}),
      ...(row.untimed ? { untimed: row.untimed } : {}),
    }));
  }

  /** Records the position of one queue of a restore run. */
  putRestoreQueue(runId: number, row: RestoreQueueRow): void {
    this.#run(
      `INSERT INTO restore_queue (run_id, vhost, name, confirmed, unsettled, resent, done, unbound,
         left_out, untimed, undelivered)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         confirmed = excluded.confirmed, unsettled = excluded.unsettled, resent = excluded.resent,
         done = excluded.done, unbound = excluded.unbound, left_out = excluded.left_out,
         untimed = excluded.untimed, undelivered = excluded.undelivered`,
      runId,
      encodeName(row.vhost),
      encodeName(row.name),
      row.confirmed,
      row.unsettled,
      row.resent,
      row.done ? 1 : 0,
      row.unbound ? 1 : 0,
      row.leftOut ?? 0,
      row.untimed ?? 0,
      row.undelivered ?? 0,
    );
  }

  /**
   * Records the position of one queue, and at once which messages up to there the target did not take.
   */
  putRestoreProgress(
    runId: number,
    row: RestoreQueueRow,
    undelivered: readonly RecordRange[],
  ): void {
    this.#transaction(() => {
      for (const { first, last } of undelivered) {
        this.#run(
          "INSERT INTO undelivered (run_id, vhost, name, first, last) VALUES (?, ?, ?, ?, ?)",
          runId,
          encodeName(row.vhost),
          encodeName(row.name),
          first,
          last,
        );
      }
      this.putRestoreQueue(runId, row);
    });
  }

  /**
   * Gives all undelivered messages that belong to no archive yet to `archive`. Returns the archives
   * that are still to be written, oldest first: with one that an interruption left, also that.
   */
  claimUndelivered(runId: number, archive: string): string[] {
    this.#run(
      "UPDATE undelivered SET archive = ? WHERE run_id = ? AND archive IS NULL",
      archive,
      runId,
    );
    const rows = this.#all(
      "SELECT DISTINCT archive FROM undelivered WHERE run_id = ? ORDER BY archive",
      runId,
    ) as { archive: string }[];
    return rows.map((row) => row.archive);
  }

  /** How many messages of each queue an archive is to hold. */
  undeliveredQueues(
    runId: number,
    archive: string,
  ): { vhost: string; name: string; messages: number }[] {
    const rows = this.#all(
      `SELECT vhost, name, sum(last - first + 1) AS messages FROM undelivered
       WHERE run_id = ? AND archive = ? GROUP BY vhost, name ORDER BY vhost, name`,
      runId,
      archive,
    ) as { vhost: string; name: string; messages: number }[];
    return rows.map(({ vhost, name, messages }) => ({
      vhost: decodeName(vhost),
      name: decodeName(name),
      messages,
    }));
  }

  /** Which messages of a queue an archive is to hold, in order; read as they are asked for. */
  *undeliveredRanges(
    runId: number,
    archive: string,
    queue: { vhost: string; name: string },
  ): Generator<RecordRange> {
    const rows = this.#guard(() =>
      this.#db.prepare(
        `SELECT first, last FROM undelivered
         WHERE run_id = ? AND archive = ? AND vhost = ? AND name = ? ORDER BY first`,
      ).iterate(runId, archive, encodeName(queue.vhost), encodeName(queue.name))
    );
    for (const { first, last } of rows as Iterable<unknown> as Iterable<RecordRange>) {
      yield { first, last };
    }
  }

  /** Forgets what is known of a queue that is restored from its start again. */
  forgetUndelivered(runId: number, queue: { vhost: string; name: string }): void {
    this.#run(
      "DELETE FROM undelivered WHERE run_id = ? AND vhost = ? AND name = ? AND archive IS NULL",
      runId,
      encodeName(queue.vhost),
      encodeName(queue.name),
    );
  }

  /** Forgets what is in an archive that is written. */
  dropUndelivered(runId: number, archive: string): void {
    this.#run("DELETE FROM undelivered WHERE run_id = ? AND archive = ?", runId, archive);
  }

  #putSegment(
    runId: number,
    queue: { vhost: string; name: string },
    segment: SegmentRow,
  ): void {
    this.#run(
      `INSERT INTO segment (run_id, vhost, name, sequence, spooled, stored)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET stored = excluded.stored`,
      runId,
      encodeName(queue.vhost),
      encodeName(queue.name),
      segment.sequence,
      JSON.stringify(segment.spooled),
      segment.stored === undefined ? null : JSON.stringify(segment.stored),
    );
  }

  #insert(table: string, row: Row, rest = ""): void {
    this.#run(insertOf(table, row, rest), ...Object.values(row));
  }

  #transaction(work: () => void): void {
    this.#guard(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        work();
        this.#db.exec("COMMIT");
      } catch (error) {
        // SQLite has rolled back itself after some errors, a full disk among them.
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        throw error;
      }
    });
  }

  #get(sql: string, ...values: SQLInputValue[]): unknown {
    return this.#guard(() => this.#db.prepare(sql).get(...values));
  }

  #all(sql: string, ...values: SQLInputValue[]): unknown {
    return this.#guard(() => this.#db.prepare(sql).all(...values));
  }

  #run(sql: string, ...values: SQLInputValue[]): { lastInsertRowid: number | bigint } {
    return this.#guard(() => this.#db.prepare(sql).run(...values));
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.path, error);
    }
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

// SQLite's text ends at a NUL when it is read, and a name may hold one: JSON has none.
const encodeName = (name: string): string => JSON.stringify(name);
const decodeName = (text: string): string => JSON.parse(text);

/** A device is no place for a database, and its permissions are not ours to change. */
function assertFile(path: string): void {
  const known = statSync(path, { throwIfNoEntry: false });
  if (known !== undefined && !known.isFile() && !known.isDirectory()) {
    throw new NotOursError("it is no file", "set offset_storage.db_path to a file");
  }
}

/**
 * The file to read for what is recorded at `path`. With no log beside it that is a copy: SQLite makes
 * files beside what it reads, and they would stay. (Its `immutable=1` does without, but is a URL,
 * which Deno takes only from programs without limits to their permissions.)
 */
function readablePath(path: string, cleanup: DisposableStack): string {
  if (existsSync(`${path}-wal`)) return path;
  const folder = Deno.makeTempDirSync({ prefix: "rabbitmq-backup-" });
  cleanup.defer(() => Deno.removeSync(folder, { recursive: true }));
  const copy = join(folder, "checkpoint.db");
  Deno.copyFileSync(path, copy);
  return copy;
}
