import assert from "node:assert/strict";
import { buildBackup, once, variedMessages } from "../../../tests/archive/build_backup.ts";
import { failure } from "../../../tests/helpers/app_error.ts";
import { type TempDir, tempDir } from "../../../tests/helpers/temp.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { loadConfig } from "../../config/load.ts";
import { openStorage } from "../../storage/open.ts";
import { loadManifest } from "../stored/list.ts";
import { finishInterrupted } from "./finish.ts";

const messages = variedMessages(30);

/** A store with the segments of two queues, and the manifest that it had. */
async function unfinished(dir: TempDir): Promise<{ manifest: Manifest; location: string }> {
  const path = dir.join("backups");
  const storage = await openStorage({ backend: "filesystem", path, prefix: "" });
  const manifest = await buildBackup(storage, {
    backupId: "b",
    queues: [
      { vhost: "/", name: "done", segments: [messages.slice(0, 10), messages.slice(10, 20)] },
      { vhost: "/", name: "half", segments: [messages.slice(20)] },
    ],
  });
  await storage.delete(["b/manifest.json"]);
  await storage.put("b/unfinished.json", once(new TextEncoder().encode("{}")));
  return { manifest, location: storage.location };
}

async function finish(dir: TempDir, { fromStorage = false } = {}) {
  const override = (path: string[], value: unknown) => ({ path, value, origin: "test" });
  const { config } = await loadConfig({
    env: () => undefined,
    overrides: [
      override(["storage"], dir.join("backups")),
      override(["offset_storage", "db_path"], dir.join("state.db")),
      override(["backup", "spool_dir"], dir.join("spool")),
    ],
    sections: ["storage", "backup", "offset_storage"],
  });
  const summary = await finishInterrupted({
    ...{ config, backupId: "b", fromStorage, emit: () => {} },
    signal: new AbortController().signal,
  });
  const path = dir.join("backups");
  const storage = await openStorage({ backend: "filesystem", path, prefix: "" });
  return { summary, manifest: await loadManifest(storage, "b") };
}

Deno.test("finish: what a queue was at when the backup was interrupted decides", async () => {
  await using dir = await tempDir();
  const { manifest, location } = await unfinished(dir);
  const [done, half] = manifest.queues;
  {
    using checkpoint = CheckpointStore.open(dir.join("state.db"));
    const key = { operation: "backup", backupId: "b", location, scope: "" } as const;
    const run = checkpoint.runs.start(key, { peer: "rabbit@source", startedAt: 7 });
    const put = (name: string, row: object) =>
      checkpoint.backups.putQueue(run.id, { vhost: "/", name, ...row } as never);
    put("done", { state: "done", report: { entry: done } });
    const gone = { ...done!.segments[0]!, key: "b/queues/_default/gone/segment-0001.zst" };
    put("gone", { state: "done", report: { entry: { ...done!, name: "gone", segments: [gone] } } });
    put("reading", { state: "reading", report: { entry: { ...done!, name: "reading" } } });
    const skipped = {
      vhost: "/",
      name: "left",
      queue_type: "classic",
      kind: "refused",
      reason: "r",
    };
    put("left", { state: "skipped", report: { skipped } });
    // A stream of which the first segment is stored: its records are not looked at here.
    const entry = { ...half!, queue_type: "stream", segments: [], message_count: 0 };
    const report = { entry, offsets: { first: 5, last: 99 } };
    put("half", { state: "reading", report });
    const [stored] = half!.segments;
    checkpoint.backups.putSegment(run.id, { vhost: "/", name: "half" }, {
      sequence: 1,
      spooled: {
        ...{ file: "/gone", recordCount: 10, bytes: 1 },
        ...{ firstTimestamp: stored!.first_timestamp, lastTimestamp: stored!.last_timestamp },
        stream: {
          ...{ messageCount: 40, firstOffset: 5, lastOffset: 44, bodyBytes: 400 },
          ...{ largestBody: 10, filteredMessages: 0, gaps: [] },
        },
      },
      stored: {
        ...stored!,
        stream: { message_count: 40, first_offset: 5, last_offset: 44 },
      },
    });
  }
  const { summary, manifest: finished } = await finish(dir);
  assert.equal(summary.outcome, "partial");
  assert.deepEqual([summary.queuesOk, summary.queuesFailed, summary.queuesSkipped], [2, 2, 1]);
  assert.deepEqual([finished.state, finished.created_at, finished.source_cluster], [
    "partial",
    7,
    "rabbit@source",
  ]);
  const [whole, stream] = finished.queues;
  assert.deepEqual(whole, done);
  assert.deepEqual([stream!.message_count, stream!.stream!.last_offset], [40, 99]);
  assert.equal(stream!.partial, "the backup was interrupted before offsets 45 to 99");
  assert.deepEqual(finished.skipped.map(({ name, kind }) => [name, kind]), [
    ["gone", "failed"],
    ["left", "refused"],
    ["reading", "failed"],
  ]);
  assert.match(finished.warnings[0]!, /interrupted, and finished without its source/);
  // No traces, and no second time.
  await assert.rejects(Deno.stat(dir.join("backups", "b", "unfinished.json")));
  await failure(finish(dir), "refused");
});

Deno.test("finish: without its checkpoint only when told so, and not of nothing", async () => {
  await using dir = await tempDir();
  const { manifest } = await unfinished(dir);
  const error = await failure(finish(dir), "locked");
  assert.match(error.hint ?? "", /--from-storage/);
  const { manifest: finished } = await finish(dir, { fromStorage: true });
  assert.deepEqual(
    finished.queues.map(({ segments }) => segments),
    manifest.queues.map(({ segments }) => segments),
  );
  await using empty = await tempDir();
  await Deno.mkdir(empty.join("backups"));
  await failure(finish(empty, { fromStorage: true }), "backup_not_found");
  await Deno.mkdir(empty.join("backups", "b"));
  await empty.write("backups/b/unfinished.json", "{}");
  await failure(finish(empty, { fromStorage: true }), "failed");
});
