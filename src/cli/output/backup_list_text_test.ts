import assert from "node:assert/strict";
import type { BackupListing } from "../../engine/stored/list.ts";
import { backupListLines, noBackupLines } from "./backup_list_text.ts";

function listing(backupId: string, notes: string[] = []): BackupListing {
  return {
    backupId,
    state: notes.length === 0 ? "complete" : "partial",
    createdAt: 0,
    completedAt: 1000,
    queues: 1,
    messages: 2,
    sizeBytes: 3,
    formatVersion: 2,
    bases: [],
    notes,
  };
}

Deno.test("backupListLines() tells a note once, with the newest of those it is about", () => {
  const denied = "definitions are not in this backup: denied";
  const backups = [
    ...["a", "b", "c"].map((id) => listing(id, ["1 queue is not in it", denied])),
    listing("whole"),
    listing("d\u0007", [denied]),
  ];
  const options = { style: { color: false, unicode: false }, now: new Date(0) };
  const lines = backupListLines(backups, options);
  assert.deepEqual(lines.slice(backups.length + 1), [
    "",
    "a, b, c:",
    "  1 queue is not in it",
    "",
    "b, c, d\\u{7} and 1 more:",
    `  ${denied}`,
  ]);
});

Deno.test("noBackupLines() tells an empty store from one that has others", () => {
  const told = (wanted: string | undefined, others: BackupListing[]) =>
    noBackupLines({ location: "/b", wanted, others });
  assert.deepEqual(told(undefined, []), ["No backups in /b."]);
  assert.deepEqual(told("x", []), ["No backups in /b."]);
  assert.deepEqual(told("nightly", [listing("weekly")]), [
    'No backup in /b matches "nightly"; there is 1 other',
  ]);
});
