import type { DatabaseSync } from "node:sqlite";
import { NotOursError } from "./store_error.ts";

/** Marks the file as ours ("RMQB"), so that another program's database is never written to. */
export const APPLICATION_ID = 0x524d5142;

/** Each entry takes the schema one version up; never change one that was released. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    operation TEXT NOT NULL,
    backup_id TEXT NOT NULL,
    location TEXT NOT NULL,
    scope TEXT NOT NULL,
    peer TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    UNIQUE (operation, backup_id, location, scope)
  ) STRICT;
  CREATE TABLE backup_queue (
    run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (run_id, vhost, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE segment (
    run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    spooled TEXT NOT NULL,
    stored TEXT,
    PRIMARY KEY (run_id, vhost, name, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE restore_queue (
    run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    confirmed INTEGER NOT NULL,
    unsettled INTEGER NOT NULL,
    resent INTEGER NOT NULL,
    done INTEGER NOT NULL,
    PRIMARY KEY (run_id, vhost, name)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE delivery_count (
    peer TEXT NOT NULL,
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    expected INTEGER NOT NULL,
    PRIMARY KEY (peer, vhost, name)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE restore_queue ADD COLUMN unbound INTEGER NOT NULL DEFAULT 0;
  `,
  `
  ALTER TABLE run ADD COLUMN choice TEXT NOT NULL DEFAULT '';
  ALTER TABLE restore_queue ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE restore_queue ADD COLUMN untimed INTEGER NOT NULL DEFAULT 0;
  `,
  `
  CREATE TABLE undelivered (
    run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    archive TEXT,
    PRIMARY KEY (run_id, vhost, name, first)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE restore_queue ADD COLUMN undelivered INTEGER NOT NULL DEFAULT 0;
  `,
  `
  ALTER TABLE run ADD COLUMN copy_sequence INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE run ADD COLUMN copy_writer TEXT NOT NULL DEFAULT '';
  CREATE TABLE lock_owner (
    operation TEXT NOT NULL,
    backup_id TEXT NOT NULL,
    location TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (operation, backup_id, location, scope, owner)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Version of the schema that this program writes; older ones are taken up to it. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Throws a {@linkcode NotOursError} for a foreign or newer file. Only reads. */
export function assertOurs(db: DatabaseSync): void {
  // One view of the file: another process may be creating it.
  db.exec("BEGIN");
  try {
    assertOursAsSeen(db);
  } finally {
    db.exec("COMMIT");
  }
}

function assertOursAsSeen(db: DatabaseSync): void {
  const { application_id } = db.prepare("PRAGMA application_id").get() as {
    application_id: number;
  };
  const { tables } = db.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() as {
    tables: number;
  };
  if (application_id !== APPLICATION_ID && (application_id !== 0 || tables > 0)) {
    throw new NotOursError(
      "it is the database of another program",
      "set offset_storage.db_path to a file of its own",
    );
  }
  const version = schemaVersion(db);
  if (version > SCHEMA_VERSION) {
    throw new NotOursError(
      `it was written by a newer version of rabbitmq-backup (schema ${version})`,
      "use that version, or set offset_storage.db_path to another file",
    );
  }
}

/** Brings an empty or older file up to date. */
export function migrate(db: DatabaseSync): void {
  while (schemaVersion(db) < SCHEMA_VERSION) {
    db.exec("BEGIN IMMEDIATE");
    try {
      // Again, now that nobody else can: two processes may open a new file at once.
      const version = schemaVersion(db);
      const migration = MIGRATIONS[version];
      if (migration !== undefined) {
        db.exec(`${migration} PRAGMA application_id = ${APPLICATION_ID};
          PRAGMA user_version = ${version + 1}`);
      }
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** The version of a file's schema; 0 when it is new. */
export function schemaVersion(db: DatabaseSync): number {
  return (db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;
}
