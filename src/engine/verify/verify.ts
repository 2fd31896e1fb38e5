import type { Manifest } from "../../archive/manifest.ts";
import { ManagementClient } from "../../broker/management/client.ts";
import type { RunKey } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import { escapeName } from "../../config/name_pattern.ts";
import { AppError } from "../../errors.ts";
import { openRunStorage } from "../open_storage.ts";
import { ConnectionPool } from "../connection_pool.ts";
import { HoldBudget } from "../hold/budget.ts";
import { ProgressMeter } from "../progress.ts";
import { queueKey } from "../queue_key.ts";
import { RestoreMapping } from "../restore/mapping.ts";
import { selectorOf, selectQueues, sourcesOf } from "../restore/plan.ts";
import type { RestoreRunOptions } from "../restore/restore.ts";
import type { MessageSelection } from "../restore/selection.ts";
import { lastChoice, restoreKey } from "../restore/claim.ts";
import type { Source } from "../restore/targets.ts";
import { lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";
import { removeFolder } from "../spool/spool.ts";
import { isRead } from "../../safety/plan.ts";
import { loadWhole } from "../stored/chain.ts";
import { streamConnector } from "../stream/survey.ts";
import { sourceIdentity } from "../survey/discover.ts";
import { NodeWatch, untilCalm } from "../survey/node_watch.ts";
import { type PlannedQueue, survey } from "../survey/survey.ts";
import { type VerifiedQueue, type VerifyContext, verifyQueue } from "./queue.ts";

/** What the target holds of a backup. */
export interface VerifyReport {
  readonly backupId: string;
  readonly location: string;
  readonly target: { readonly address: string };
  readonly queues: readonly VerifiedQueue[];
}

/**
 * Reads the queues that a restore fills, under the rules by which a backup reads, gives all messages
 * back, and compares them with the backup's. Throws as `takeBackup` and `runRestore`.
 */
export async function verifyRestored(options: RestoreRunOptions): Promise<VerifyReport> {
  const { backupId, emit } = options;
  const config = readingConfig(options.config);
  if (config.restore.publish_mode === "exchange") {
    throw new AppError(
      "usage",
      "Cannot verify a restore with publish_mode exchange: bindings decide which queue gets what",
      { hint: "set restore.publish_mode: direct-to-queue to compare each queue with its backup" },
    );
  }
  const storage = await openRunStorage(options);
  try {
    // 1. The backup, what of it should be where, and one process at a time.
    const isWanted = selectorOf(config.restore.queues);
    const manifest = await loadWhole(storage, backupId, isWanted);
    const restored = restoreKey(config, { backupId, location: storage.location });
    const key: RunKey = { ...restored, operation: "verify" };
    const folder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(folder, key);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);
    const { selection } = lastChoice(checkpoint, {
      config,
      key: restored,
      createdAt: manifest.created_at,
      now: options.now.getTime(),
    });
    const groups = groupsOf(manifest, { config, selection });

    // 2. What reading the queues would do.
    const { signal } = options;
    await using connections = new ConnectionPool(requireTarget(config), "rabbitmq-backup verify", {
      signal,
    });
    const name = "rabbitmq-backup verify";
    const streams = streamConnector(requireTarget(config), { name, emit, signal });
    const client = new ManagementClient(requireTarget(config));
    const nodes = new NodeWatch(client);
    emit({ type: "step", message: "Looking at the queues" });
    const source = await sourceIdentity(client, { nodes, signal });
    await untilCalm(nodes, { emit, signal });
    const found = await survey({
      config: surveyConfig(config, groups),
      client,
      connections,
      source,
      checkpoint,
      nodes,
      streams,
      signal,
    });

    // 3. Read, give back, compare, one after the other.
    using meter = new ProgressMeter("validate", emit);
    const context: VerifyContext = {
      options: config.backup,
      checkpoint,
      client,
      connections,
      emit,
      nodes,
      budget: await HoldBudget.of(nodes, { options: config.backup, emit, signal }),
      peer: source.clusterName,
      storage,
      streams,
      selection,
      notesOrigin: config.restore.stream_origin_annotations,
      meter,
      folder,
      signal,
    };
    const planned = new Map(found.queues.map((one) => [queueKey(one.queue), one]));
    const queues: VerifiedQueue[] = [];
    meter.queuesTotal = groups.size;
    meter.messagesTotal = toRead(found.queues, groups);
    for (const [name, group] of groups) {
      signal.throwIfAborted();
      queues.push(await verifyQueue(context, { group, planned: planned.get(name) }));
    }
    removeFolder(folder);
    const { address } = requireTarget(config).amqp_url;
    return { backupId, location: storage.location, target: { address }, queues };
  } finally {
    await storage.close();
  }
}

/** Messages of the queues that are read. */
function toRead(queues: readonly PlannedQueue[], groups: ReadonlyMap<string, unknown>): number {
  return queues.filter(({ queue, plan }) => groups.has(queueKey(queue)) && isRead(plan))
    .reduce((sum, { ready }) => sum + ready, 0);
}

/** Only whole queues can be compared. */
function readingConfig(config: Config): Config {
  const backup = { ...config.backup, partial: "refuse", stop_at_current_depth: true } as const;
  return { ...config, backup };
}

/** What should be in the queues of the target, by their keys. */
function groupsOf(
  manifest: Manifest,
  { config, selection }: { config: Config; selection: MessageSelection },
): Map<string, Source[]> {
  const { restore } = config;
  const mapping = new RestoreMapping(restore);
  const entries = selectQueues(manifest, restore.queues);
  const sources = sourcesOf(entries, { mapping, selection, config });
  return Map.groupBy(sources, ({ destination }) => queueKey(destination));
}

/** The target as a source of just these queues; of others by the same names in other vhosts, too. */
function surveyConfig(config: Config, groups: ReadonlyMap<string, readonly Source[]>): Config {
  const destinations = [...groups.values()].map(([source]) => source!.destination);
  const queues = {
    include: destinations.map(({ name }) => escapeName(name)),
    exclude: [],
    vhosts: [...new Set(destinations.map(({ vhost }) => escapeName(vhost)))],
    types: [],
    min_messages: 0,
  };
  return { ...config, source: { ...requireTarget(config), queues } };
}
