import assert from "node:assert/strict";
import { tempDir } from "../../../tests/helpers/temp.ts";
import type { SegmentRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import type { BackupContext } from "../backup/queue.ts";
import { Pace } from "../pace.ts";
import type { QueueWork } from "../progress.ts";
import type { SpooledStreamSegment } from "./chunk_spool.ts";
import { Storing, type StoringWork } from "./storing.ts";

/** A stream whose segments are stored when the test says so. */
async function opened() {
  const folder = await tempDir();
  const puts: PromiseWithResolvers<void>[] = [];
  const recorded: number[] = [];
  const abort = new AbortController();
  const context = {
    backupId: "b",
    run: { id: 1 },
    options: { compression: "none", compression_level: 3, format: "v2" },
    signal: abort.signal,
    pace: new Pace(),
    checkpoint: {
      backups: {
        putSegment: (_: number, __: unknown, { sequence }: SegmentRow) => recorded.push(sequence),
      },
    },
    packer: {
      // deno-lint-ignore require-yield
      segment: async function* () {
        await Promise.resolve();
        return { sizeBytes: 1, uncompressedBytes: 1, checksum: "", losses: [] };
      },
    },
    storage: {
      put: async (_: string, bytes: AsyncIterable<Uint8Array>) => {
        await Array.fromAsync(bytes);
        const put = Promise.withResolvers<void>();
        puts.push(put);
        await put.promise;
      },
    },
  } as unknown as BackupContext;
  const row = { vhost: "/", name: "s", state: "reading", report: {} } as const;
  const progress: QueueWork = {
    vhost: "/",
    queue: "s",
    phase: "reading",
    messagesDone: 0,
    messagesTotal: 0,
    bytesDone: 0,
  };
  const work: StoringWork = { row, segments: [], progress };
  const storing = new Storing(context, { work, abort });
  return {
    storing,
    work,
    puts,
    recorded,
    abort,
    add: async (sequence: number) => {
      const file = await folder.write(`segment-${sequence}`, "x");
      const spooled = { file, recordCount: 1, bytes: 1, firstTimestamp: 0, lastTimestamp: 0 };
      storing.add(
        {
          ...spooled,
          stream: {
            messageCount: 1,
            firstOffset: sequence,
            lastOffset: sequence,
            bodyBytes: 1,
            largestBody: 1,
            filteredMessages: 0,
            gaps: [],
          },
        } satisfies SpooledStreamSegment,
        sequence,
      );
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 1000 && !condition(); round++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok(condition());
}

Deno.test("Storing: two at a time, recorded in order", async () => {
  await using it = await opened();
  for (const sequence of [1, 2, 3]) await it.add(sequence);
  await until(() => it.puts.length === 2);
  assert.ok(it.storing.room() instanceof Promise);
  it.puts[1]!.resolve();
  // The third is begun, and the second not recorded before the first.
  await until(() => it.puts.length === 3);
  assert.deepEqual(it.recorded, []);
  it.puts[0]!.resolve();
  await until(() => it.recorded.length === 2);
  assert.deepEqual(it.recorded, [1, 2]);
  assert.equal(it.storing.room(), undefined);
  it.puts[2]!.resolve();
  await it.storing.idle();
  assert.deepEqual(it.work.segments.map(({ sequence }) => sequence), [1, 2, 3]);
});

Deno.test("Storing: behind one that fails nothing is recorded, and who waits for room hears of it", async () => {
  await using it = await opened();
  for (const sequence of [1, 2, 3]) await it.add(sequence);
  await until(() => it.puts.length === 2);
  const room = it.storing.room()!;
  it.puts[1]!.resolve();
  await until(() => it.puts.length === 3);
  const failure = new AppError("storage_full", "Cannot store: full");
  it.puts[0]!.reject(failure);
  await assert.rejects(room, failure);
  it.puts[2]!.resolve();
  await it.storing.idle();
  assert.deepEqual(it.recorded, []);
  assert.equal(it.abort.signal.reason, failure);
});
