import { assertSameMessages, type PikaMessage } from "../../tests/helpers/pika.ts";
import type { QueueSpec } from "../../tests/helpers/queues.ts";
import { print } from "./output.ts";

export interface Verdict {
  readonly proved: boolean;
  readonly text: string;
}

/** A queue's messages in order, as an independent client sees them. */
export interface Reading {
  readonly messages: readonly PikaMessage[];
  readonly fingerprint: string;
}

/** Prints the readings before and after side by side; the verdict is for the last line. */
export function report(
  queues: readonly QueueSpec[],
  before: readonly Reading[],
  after: readonly Reading[],
): Verdict {
  const rows = [["queue", "before", "after", "fingerprint before", "after", ""]];
  const complaints: string[] = [];
  let total = 0;
  for (const [index, spec] of queues.entries()) {
    const [then, now] = [before[index], after[index]];
    if (then === undefined || now === undefined) throw new Error("Cannot compare: a reading lacks");
    const same = then.fingerprint === now.fingerprint && then.messages.length > 0;
    if (!same) complaints.push(`${label(spec)}: ${difference(then, now)}`);
    total += now.messages.length;
    const counts = [`${then.messages.length}`, `${now.messages.length}`];
    const prints = [then.fingerprint.slice(0, 16), now.fingerprint.slice(0, 16)];
    rows.push([label(spec), ...counts, ...prints, same ? "same" : "DIFFERENT"]);
  }
  printTable(rows);
  print("A fingerprint is the SHA-256 of all properties, headers and bodies, in order.");
  for (const complaint of complaints) print(complaint);
  const proved = complaints.length === 0;
  const text = proved
    ? `PROVED: all ${total} messages of ${queues.length} queues are back, in order, byte for byte.`
    : `FAILED: ${complaints.length} of ${queues.length} queues differ.`;
  return { proved, text };
}

function difference(then: Reading, now: Reading): string {
  try {
    // A restore publishes straight to the queue, so exchange and routing key are other ones.
    assertSameMessages(then.messages, now.messages, { routing: false });
    return "it is empty";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A queue's name for a person. */
export function label(queue: QueueSpec): string {
  return `${queue.vhost} » ${queue.name}`;
}

function printTable(rows: readonly string[][]): void {
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => [...row[column] ?? ""].length))) ??
      [];
  for (const row of rows) {
    print(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  }
}
