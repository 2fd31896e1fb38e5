import { say } from "../lib/output.ts";
import { Arena, type ArenaPlace, type Sample } from "./arena.ts";
import type { Contest } from "./results.ts";

/** Measures one process and keeps the sample. */
type Step = (samples: Sample[], what: string, work: () => Promise<Sample>) => Promise<void>;

/**
 * Backup and restore of a stream beside their floors. A stream that AMQP publishers have filled has
 * small chunks, one that was filled by its own protocol has large ones: both are read. Who is first
 * alternates.
 */
export async function contestOfStreams(
  place: ArenaPlace,
  { runs, step }: { runs: number; step: Step },
): Promise<Contest[]> {
  const arena = new Arena(place, "stream");
  const [small, large, restore] = [0, 1, 2].map(() => ({
    floor: [] as Sample[],
    ours: [] as Sample[],
  })) as [Samples, Samples, Samples];
  const first = "bench-stream-1"; // what all restores restore
  let share = 0;
  for (let run = 1; run <= runs; run++) {
    const backupId = `bench-stream-${run}`;
    const isOursFirst = run % 2 === 1;
    await arena.createQueue();
    await arena.publishBare({ byAmqp: true });
    await read(small, { backupId, isOursFirst });
    if (run === 1) share = await shareOfNew(arena);
    await arena.deleteQueue();

    await arena.createQueue();
    await step(restore.floor, "bare publisher", () => arena.publishBare());
    await read(large, { backupId: "bench-stream-large", isOursFirst });
    await arena.removeBackup("bench-stream-large");
    await arena.deleteQueue();

    await arena.createQueue();
    await step(restore.ours, "restore", () => arena.restore({ backupId: first }));
    await arena.deleteQueue();
    if (backupId !== first) await arena.removeBackup(backupId);
  }
  await arena.removeBackup(first);
  return [
    { queueType: "stream", operation: "backup", ...small, incrementalShare: share },
    { queueType: "stream, large chunks", operation: "backup", ...large },
    { queueType: "stream", operation: "restore", ...restore },
  ];

  async function read(
    { floor, ours }: Samples,
    { backupId, isOursFirst }: { backupId: string; isOursFirst: boolean },
  ): Promise<void> {
    const readers = [
      () => step(ours, "backup", () => arena.backup({ backupId })),
      () => step(floor, "bare reader", () => arena.readBare()),
    ];
    if (!isOursFirst) readers.reverse();
    for (const reader of readers) await reader();
  }
}

interface Samples {
  readonly floor: Sample[];
  readonly ours: Sample[];
}

/** Bytes that a backup of a hundredth more reads, of those of all. */
async function shareOfNew(arena: Arena): Promise<number> {
  const { readBytes = 0 } = await arena.readBare();
  const backupId = "bench-stream-new";
  const bytes = await arena.incremental({ backupId });
  await arena.removeBackup(backupId);
  say(`stream  a backup of 1 % new: ${bytes} bytes by the stream protocol, of ${readBytes} of all`);
  return bytes / readBytes;
}
