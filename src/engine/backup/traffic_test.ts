import assert from "node:assert/strict";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { BackupQueueRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import type { BackupContext } from "./queue.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import { queueKey } from "../queue_key.ts";
import { reportTraffic } from "./traffic.ts";

/** One queue: its depth before and after, what the broker said of it, and what it says later. */
interface Seen {
  readonly depth: [before: number, after: number | null];
  readonly published?: [before: number | undefined, after: number | undefined];
  readonly consumers?: number;
  readonly state?: BackupQueueRow["state"];
}

/** The traffic of each queue in the report, and whether the broker was asked. */
async function traffic(seen: Record<string, Seen>, fail?: Error) {
  const rows = Object.entries(seen).map(([name, { depth, state = "done" }]) => ({
    vhost: "/",
    name,
    state,
    report: state === "done"
      ? { entry: { capture: { depth_before: depth[0], depth_after: depth[1] } } }
      : {},
  } as unknown as BackupQueueRow));
  const put: string[] = [];
  const context = {
    run: { id: 1 },
    readNow: new Set(rows.filter(({ name }) => name !== "resumed").map(queueKey)),
    signal: new AbortController().signal,
    checkpoint: {
      backups: {
        queues: () => rows,
        putQueue: (_: number, { name }: BackupQueueRow) => void put.push(name),
      },
    },
  } as unknown as BackupContext;
  let asked = 0;
  const client = {
    queues: () => {
      asked++;
      if (fail !== undefined) return Promise.reject(fail);
      return Promise.resolve(
        Object.entries(seen).map(([name, { published }]) => ({
          vhost: "/",
          name,
          message_stats: published?.[1] === undefined ? {} : { publish: published[1] },
        })),
      );
    },
  } as unknown as ManagementClient;
  const planned = Object.entries(seen).map(([name, { published, consumers = 0 }]) => ({
    queue: { vhost: "/", name, published: published?.[0] },
    consumers,
  } as unknown as PlannedQueue));
  await reportTraffic(context, client, planned);
  const found = rows.filter(({ report }) => report.entry?.capture?.traffic)
    .map(({ name, report }) => {
      const { published, consumed } = report.entry!.capture!.traffic!;
      return [name, [published, consumed]];
    });
  assert.deepEqual(put.toSorted(), found.map(([name]) => name).toSorted());
  return { found: Object.fromEntries(found), asked };
}

Deno.test("traffic: of queues that nobody used the broker is not even asked", async () => {
  const idle = { depth: [5, 5] as [number, number], published: [9, 9] as [number, number] };
  const { found, asked } = await traffic({
    idle: { ...idle, consumers: 0 },
    // Its statistics were late: nobody has used it all the same.
    late: { ...idle, published: [9, 5_000], consumers: 0 },
    resumed: { depth: [5, 7], published: [9, 12], consumers: 1 },
    unknown: { ...idle, published: [undefined, 9], consumers: 1 },
    unsettled: { depth: [5, null], published: [9, 12], consumers: 1 },
    skipped: { ...idle, state: "skipped", consumers: 1 },
  });
  assert.deepEqual([found, asked], [{}, 0]);
});

Deno.test("traffic: before, plus published, minus consumed is after", async () => {
  const seen: Record<string, Seen> = {
    idle: { depth: [5, 5], published: [9, 9] },
    both: { depth: [100, 90], published: [1_000, 1_040], consumers: 1 },
    steady: { depth: [100, 100], published: [1_000, 1_040], consumers: 1 },
    fed: { depth: [100, 140], published: [1_000, 7_000] },
    // The figure is late: as much has arrived as there is more.
    late: { depth: [100, 150], published: [1_000, 1_020], consumers: 1 },
    drained: { depth: [100, 0], published: [1_000, 1_000], consumers: 1 },
    reset: { depth: [100, 90], published: [1_000, 3], consumers: 1 },
    gone: { depth: [100, 90], published: [1_000, undefined], consumers: 1 },
  };
  const busy: Seen = { depth: [100, 90], published: [1_000, 1_040], consumers: 1 };
  // At once: each waits for the broker's next statistics.
  const [{ found, asked }, untold] = await Promise.all([
    traffic(seen),
    traffic({ busy }, new AppError("broker_unreachable", "gone")),
  ]);
  assert.equal(asked, 1);
  // A broker that does not tell costs the figures, not the backup.
  assert.deepEqual(untold, { found: {}, asked: 1 });
  assert.deepEqual(found, {
    both: [40, 50],
    steady: [40, 40],
    fed: [40, 0],
    late: [50, 0],
    drained: [0, 100],
    reset: [0, 10],
  });
  for (const [name, [published, consumed]] of Object.entries(found) as [string, number[]][]) {
    const [before, after] = seen[name]!.depth;
    assert.equal(before + published! - consumed!, after);
  }
});
