import assert from "node:assert/strict";
import type { Manifest, QueueEntry, SkippedQueue } from "../../archive/manifest.ts";
import { shortfallOf } from "./shortfall.ts";

const PARTIAL = { backup_id: "b", state: "partial", queues: [], skipped: [], warnings: [] };
const of = (fields: Partial<Manifest>) => shortfallOf({ ...PARTIAL, ...fields } as Manifest);
const queue = (name: string, partial?: string) => ({ vhost: "/", name, partial }) as QueueEntry;
const skipped = (name: string, kind: SkippedQueue["kind"]) =>
  ({ vhost: "v", name, kind }) as SkippedQueue;

Deno.test("shortfallOf: what a partial backup lacks", () => {
  assert.equal(of({ state: "complete", skipped: [skipped("tmp", "excluded")] }), undefined);
  assert.equal(
    of({
      queues: [queue("whole"), queue("half", "2 messages were with its consumers")],
      skipped: [skipped("tmp", "excluded"), skipped("left", "refused"), skipped("lost", "failed")],
    }),
    'Backup "b" is partial: 3 queues are not in it, or only in part: "left" (vhost "v"), "lost" ' +
      '(vhost "v"), "half"',
  );
  assert.equal(
    of({
      queues: [queue("half", "x")],
      warnings: ["the queues of vhost v are not in this backup"],
    }),
    'Backup "b" is partial: 1 queue is not in it, or only in part: "half"; the queues of vhost v ' +
      "are not in this backup",
  );
  assert.equal(of({}), 'Backup "b" is partial: it does not say what it lacks');
});
