import { existsSync, statSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { dirname, join } from "node:path";
import { assertOurs, migrate, schemaVersion } from "./schema.ts";
import { NotOursError, storeError } from "./store_error.ts";

/** A row as SQLite gives it. */
export type Row = Record<string, SQLInputValue>;

/** An SQLite file of the checkpoint's schema. Its methods translate what SQLite throws. */
export class Database implements Disposable {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #cleanup: DisposableStack;

  private constructor(path: string, db: DatabaseSync, cleanup: DisposableStack) {
    this.path = path;
    this.#db = db;
    this.#cleanup = cleanup;
  }

  /** See `CheckpointStore.open`. */
  static open(path: string, options: { waitMs?: number } = {}): Database {
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
      return new Database(path, db, cleanup.move());
    } catch (error) {
      throw storeError(path, error);
    }
  }

  /** See `CheckpointStore.openToRead`. */
  static openToRead(path: string): Database | undefined {
    if (!existsSync(path)) return undefined;
    using cleanup = new DisposableStack();
    try {
      const db = new DatabaseSync(readablePath(path, cleanup), { readOnly: true });
      cleanup.defer(() => db.close());
      assertOurs(db);
      if (schemaVersion(db) === 0) return undefined;
      return new Database(path, db, cleanup.move());
    } catch (error) {
      throw storeError(path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }

  /** Runs `work`, and all of it or nothing is recorded. */
  transaction(work: () => void): void {
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

  /** The first row of the answer. */
  get(sql: string, ...values: SQLInputValue[]): unknown {
    return this.#guard(() => this.#db.prepare(sql).get(...values));
  }

  /** All rows of the answer. */
  all(sql: string, ...values: SQLInputValue[]): unknown {
    return this.#guard(() => this.#db.prepare(sql).all(...values));
  }

  /** The rows of the answer, read as they are asked for. */
  iterate(sql: string, ...values: SQLInputValue[]): Iterable<unknown> {
    return this.#guard(() => this.#db.prepare(sql).iterate(...values));
  }

  /** Executes a statement that gives no rows. */
  run(sql: string, ...values: SQLInputValue[]): { lastInsertRowid: number | bigint } {
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

// SQLite's text ends at a NUL when it is read, and a name may hold one: JSON has none.
export const encodeName = (name: string): string => JSON.stringify(name);
export const decodeName = (text: string): string => JSON.parse(text);

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
