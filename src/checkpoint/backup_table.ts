import { parseExactJson } from "../exact_json.ts";
import { type Database, decodeName, encodeName } from "./database.ts";
import type { BackupQueueRow, SegmentRow } from "./rows.ts";

/** Queues of backup runs, their segments, and what their messages are expected to carry. */
export class BackupTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** All queues of a backup run. */
  queues(runId: number): BackupQueueRow[] {
    const rows = this.#db.all(
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
  putQueue(runId: number, row: BackupQueueRow): void {
    this.#db.transaction(() => {
      if (row.state === "reading") {
        this.#db.run(
          "DELETE FROM segment WHERE run_id = ? AND vhost = ? AND name = ?",
          runId,
          encodeName(row.vhost),
          encodeName(row.name),
        );
      }
      this.#db.run(
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
    this.putQueue(runId, { ...row, state: "reading" });
    this.#db.transaction(() => {
      for (const segment of segments) this.#putSegment(runId, row, segment);
      this.#db.run(
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
    const rows = this.#db.all(
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
    const [row] = this.#db.all(
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
    this.#db.run(
      `INSERT INTO delivery_count (peer, vhost, name, expected) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET expected = excluded.expected`,
      peer,
      encodeName(queue.vhost),
      encodeName(queue.name),
      expected,
    );
  }

  #putSegment(
    runId: number,
    queue: { vhost: string; name: string },
    segment: SegmentRow,
  ): void {
    this.#db.run(
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
}
