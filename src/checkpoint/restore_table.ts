import { type Database, decodeName, encodeName } from "./database.ts";
import type { RecordRange, RestoreQueueRow } from "./rows.ts";

/** Positions of restore runs, and messages that a target did not take. */
export class RestoreTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Positions of a restore run. */
  queues(runId: number): RestoreQueueRow[] {
    const rows = this.#db.all(
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
  putQueue(runId: number, row: RestoreQueueRow): void {
    this.#db.run(
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
  putProgress(
    runId: number,
    row: RestoreQueueRow,
    undelivered: readonly RecordRange[],
  ): void {
    this.#db.transaction(() => {
      for (const { first, last } of undelivered) {
        this.#db.run(
          "INSERT INTO undelivered (run_id, vhost, name, first, last) VALUES (?, ?, ?, ?, ?)",
          runId,
          encodeName(row.vhost),
          encodeName(row.name),
          first,
          last,
        );
      }
      this.putQueue(runId, row);
    });
  }

  /**
   * Gives all undelivered messages that belong to no archive yet to `archive`. Returns the archives
   * that are still to be written, oldest first: with one that an interruption left, also that.
   */
  claimUndelivered(runId: number, archive: string): string[] {
    this.#db.run(
      "UPDATE undelivered SET archive = ? WHERE run_id = ? AND archive IS NULL",
      archive,
      runId,
    );
    const rows = this.#db.all(
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
    const rows = this.#db.all(
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
    const rows = this.#db.iterate(
      `SELECT first, last FROM undelivered
       WHERE run_id = ? AND archive = ? AND vhost = ? AND name = ? ORDER BY first`,
      ...[runId, archive, encodeName(queue.vhost), encodeName(queue.name)],
    );
    for (const { first, last } of rows as Iterable<unknown> as Iterable<RecordRange>) {
      yield { first, last };
    }
  }

  /** Forgets what is known of a queue that is restored from its start again. */
  forgetUndelivered(runId: number, queue: { vhost: string; name: string }): void {
    this.#db.run(
      "DELETE FROM undelivered WHERE run_id = ? AND vhost = ? AND name = ? AND archive IS NULL",
      runId,
      encodeName(queue.vhost),
      encodeName(queue.name),
    );
  }

  /** Forgets what is in an archive that is written. */
  dropUndelivered(runId: number, archive: string): void {
    this.#db.run("DELETE FROM undelivered WHERE run_id = ? AND archive = ?", runId, archive);
  }
}
