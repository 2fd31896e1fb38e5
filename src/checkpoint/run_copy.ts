import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import type { CopyStamp } from "./rows.ts";
import { migrate } from "./schema.ts";
import { storeError } from "./store_error.ts";
import type { Row } from "./database.ts";

/** Tables of which a run has rows, by `run_id`. */
export const RUN_TABLES = ["backup_queue", "segment", "restore_queue", "undelivered"] as const;

/** Rows that are copied before something else is let in. */
const ROWS_AT_ONCE = 100;
/** The copying takes at most one part in so many of the time. */
const SHARE = 5;

/** What {@linkcode writeRunCopy} is to write. */
export interface RunCopyOptions {
  /** The file of the checkpoint, which others may write to meanwhile. */
  readonly from: string;
  /** A file that is not there yet. */
  readonly to: string;
  readonly runId: number;
  readonly stamp: CopyStamp;
  readonly signal: AbortSignal;
}

/**
 * Writes one run, as it is now, into a checkpoint file of its own, with what is known of its broker's
 * queues, and nothing of other runs. Done in small pieces: whoever reads messages meanwhile hardly
 * notices. Throws as `CheckpointStore.open`.
 */
export async function writeRunCopy(options: RunCopyOptions): Promise<void> {
  const { from, to, runId } = options;
  let source: DatabaseSync | undefined;
  let target: DatabaseSync | undefined;
  try {
    source = new DatabaseSync(from, { readOnly: true, timeout: 5_000 });
    // All reads see the file as it is at the first of them.
    source.exec("BEGIN");
    const run = source.prepare("SELECT * FROM run WHERE id = ?").get(runId) as Row;
    target = new DatabaseSync(to);
    Deno.chmodSync(to, 0o600);
    target.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    migrate(target);
    target.exec("BEGIN");
    const { sequence, writer } = options.stamp;
    const stamped = { ...run, copy_sequence: sequence, copy_writer: writer };
    target.prepare(insertOf("run", stamped)).run(...Object.values(stamped));
    for (const table of RUN_TABLES) {
      const where = { table, condition: "run_id = ?", value: runId };
      await copyRows({ source, target, ...where, signal: options.signal });
    }
    const where = { table: "delivery_count", condition: "peer = ?", value: run.peer! };
    await copyRows({ source, target, ...where, signal: options.signal });
    target.exec("COMMIT");
  } catch (error) {
    throw options.signal.aborted ? error : storeError(from, error);
  } finally {
    target?.close();
    source?.close();
  }
}

async function copyRows(
  { source, target, table, condition, value, signal }: {
    source: DatabaseSync;
    target: DatabaseSync;
    table: string;
    condition: string;
    value: SQLInputValue;
    signal: AbortSignal;
  },
): Promise<void> {
  let rows = 0;
  let startedAt = performance.now();
  const found = source.prepare(`SELECT * FROM ${table} WHERE ${condition}`).iterate(value);
  let insertion: StatementSync | undefined;
  for (const row of found as Iterable<unknown> as Iterable<Row>) {
    insertion ??= target.prepare(insertOf(table, row));
    insertion.run(...Object.values(row));
    if (++rows % ROWS_AT_ONCE > 0) continue;
    await delay((SHARE - 1) * (performance.now() - startedAt), undefined, { signal });
    startedAt = performance.now();
  }
}

/** The statement that inserts a row, whose values are bound in their order. */
export function insertOf(table: string, row: Row, rest = ""): string {
  const names = Object.keys(row);
  return `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) ` +
    rest;
}
