import { join } from "node:path";
import type { Manifest } from "../../archive/manifest.ts";
import { ManagementClient } from "../../broker/management/client.ts";
import type { RunKey } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireStorage, requireTarget } from "../../config/config.ts";
import { escapeName } from "../../config/name_pattern.ts";
import { AppError } from "../../errors.ts";
import { isRead } from "../../safety/plan.ts";
import { openStorage } from "../../storage/open.ts";
import type { Storage } from "../../storage/storage.ts";
import { ConnectionPool } from "../connection_pool.ts";
import { HoldBudget } from "../hold/budget.ts";
import { type CaptureContext, captureCounted } from "../hold/counted_capture.ts";
import { ProgressMeter } from "../progress.ts";
import { queueKey } from "../queue_key.ts";
import { newChoice, type RestoreChoice, resumedChoice } from "../restore/choice.ts";
import { type QueueName, RestoreMapping } from "../restore/mapping.ts";
import { MessagePicker } from "../restore/picker.ts";
import { selectQueues } from "../restore/plan.ts";
import type { RestoreRunOptions } from "../restore/restore.ts";
import { type MessageSelection, shareOf } from "../restore/selection.ts";
import { restoreKey } from "../restore/survey.ts";
import type { Source } from "../restore/targets.ts";
import { lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";
import { readSpooled, removeFolder } from "../spool/spool.ts";
import { loadManifest } from "../stored/list.ts";
import { fetchSegment } from "../stored/segment_fetch.ts";
import { sourceIdentity } from "../survey/discover.ts";
import { NodeWatch, untilCalm } from "../survey/node_watch.ts";
import { type PlannedQueue, survey } from "../survey/survey.ts";
import { compareDigests, type Comparison } from "./compare.ts";
import { messageDigests } from "./digests.ts";

/** One queue of the target, held against the queues of the backup that go there. */
export interface VerifiedQueue extends Omit<Comparison, "result"> {
  readonly vhost: string;
  readonly queue: string;
  readonly sources: readonly QueueName[];
  /** `unread`: it could not be compared, for the `reason`. */
  readonly result: Comparison["result"] | "unread";
  readonly reason?: string;
  readonly hint?: string;
}

/** What the target holds of a backup. */
export interface VerifyReport {
  readonly backupId: string;
  readonly location: string;
  readonly target: { readonly address: string };
  readonly queues: readonly VerifiedQueue[];
}

/**
 * Reads the queues that a restore fills, under the rules by which a backup reads, gives all messages
 * back, and compares them with the backup's. Throws as `runBackup` and `runRestore`.
 */
export async function verifyRestored(options: RestoreRunOptions): Promise<VerifyReport> {
  const { backupId, emit } = options;
  const config = readingConfig(options.config);
  const storage = await openStorage(requireStorage(config));
  try {
    // 1. The backup, what of it should be where, and one process at a time.
    const manifest = await loadManifest(storage, backupId);
    const restored = restoreKey(config, { backupId, location: storage.location });
    const key: RunKey = { ...restored, operation: "verify" };
    const folder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(folder, key);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);
    const { selection } = choiceOf(checkpoint, {
      config,
      key: restored,
      manifest,
      now: options.now,
    });
    const groups = groupsOf(manifest, { config, selection });

    // 2. What reading the queues would do.
    const { signal } = options;
    await using connections = new ConnectionPool(requireTarget(config), "rabbitmq-backup verify", {
      signal,
    });
    const client = new ManagementClient(requireTarget(config));
    const nodes = new NodeWatch(client);
    emit({ type: "step", message: "Looking at the queues" });
    const source = await sourceIdentity(client, { signal });
    await untilCalm(nodes, { emit, signal });
    const found = await survey({
      config: surveyConfig(config, groups),
      client,
      connections,
      source,
      deliveryCount: (queue) => checkpoint.deliveryCount(source.clusterName, queue),
      nodes,
      signal,
    });

    // 3. Read, give back, compare, one after the other.
    using meter = new ProgressMeter("validate", emit);
    const context: VerifyContext = {
      options: config.backup,
      checkpoint,
      connections,
      nodes,
      budget: await HoldBudget.of(nodes, { options: config.backup, emit, signal }),
      peer: source.clusterName,
      storage,
      selection,
      meter,
      folder,
      signal,
    };
    const planned = new Map(found.queues.map((one) => [queueKey(one.queue), one]));
    const queues: VerifiedQueue[] = [];
    meter.queuesTotal = groups.size;
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

interface VerifyContext extends CaptureContext {
  readonly storage: Storage;
  readonly selection: MessageSelection;
  readonly meter: ProgressMeter;
  readonly folder: string;
}

/** Only whole queues can be compared. */
function readingConfig(config: Config): Config {
  const backup = { ...config.backup, partial: "refuse", stop_at_current_depth: true } as const;
  return { ...config, backup };
}

/** The choice that was restored, where that is known: its times from now are those of then. */
function choiceOf(
  checkpoint: CheckpointStore,
  { config: { restore }, key, manifest, now }: {
    config: Config;
    key: RunKey;
    manifest: Manifest;
    now: Date;
  },
): RestoreChoice {
  const known = checkpoint.findRun(key);
  const isKnown = known !== undefined && known.peer === String(manifest.created_at);
  if (!isKnown) return newChoice(restore, now.getTime());
  try {
    const { backupId } = key;
    return resumedChoice(restore, { recorded: known.choice, now: now.getTime(), backupId });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "refused") throw error;
    return newChoice(restore, now.getTime());
  }
}

/** What should be in the queues of the target, by their keys. */
function groupsOf(
  manifest: Manifest,
  { config: { restore }, selection }: { config: Config; selection: MessageSelection },
): Map<string, Source[]> {
  const mapping = new RestoreMapping(restore);
  const sources = selectQueues(manifest, restore.queues).map((entry) => ({
    entry,
    destination: mapping.mapQueue(entry),
    share: shareOf(entry, selection),
  }));
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

async function verifyQueue(
  context: VerifyContext,
  { group, planned }: { group: readonly Source[]; planned: PlannedQueue | undefined },
): Promise<VerifiedQueue> {
  const { meter } = context;
  const { destination: { vhost, name } } = group[0]!;
  const work = meter.begin({ vhost, name }, {
    phase: "waiting",
    messagesTotal: planned?.ready ?? 0,
  });
  const about = {
    vhost,
    queue: name,
    sources: group.map(({ entry }) => ({ vhost: entry.vhost, name: entry.name })),
  };
  try {
    if (planned !== undefined && !isRead(planned.plan)) {
      const { reason = "reading it could harm it", hint } = planned.plan;
      return { ...about, ...unread(reason, hint) };
    }
    const folder = join(context.folder, "read");
    using _spool = planned && await context.budget.spool(planned, context.signal);
    const captured = planned === undefined || planned.ready === 0
      ? undefined
      : await captureCounted(context, { planned, folder, work });
    work.phase = "verifying";
    const compared = await compareDigests(
      expectedDigests(context, group),
      spooledDigests(captured?.spool.segments ?? []),
      { isOrdered: group.length === 1 },
    );
    removeFolder(folder);
    const isAbsent = planned === undefined && compared.expected > 0;
    return { ...about, ...compared, ...(isAbsent ? { reason: "it does not exist" } : {}) };
  } catch (error) {
    if (!isQueueFailure(error) || context.signal.aborted) throw error;
    return { ...about, ...unread(error.message, error.hint) };
  } finally {
    meter.end(work);
  }
}

function unread(reason: string, hint: string | undefined) {
  return {
    expected: 0,
    actual: 0,
    result: "unread" as const,
    reason,
    ...(hint === undefined ? {} : { hint }),
  };
}

async function* expectedDigests(
  context: VerifyContext,
  group: readonly Source[],
): AsyncGenerator<Uint8Array> {
  for (const { share } of group) {
    const picker = new MessagePicker(context.selection, { taken: 0, leftOut: 0, untimed: 0 });
    for (const stored of share.segments) {
      if (picker.isFull) break;
      await using segment = await fetchSegment(context.storage, stored, context);
      yield* messageDigests(segment.records(), picker);
    }
  }
}

async function* spooledDigests(
  segments: readonly { readonly file: string }[],
): AsyncGenerator<Uint8Array> {
  for (const { file } of segments) {
    yield* messageDigests(readSpooled(file, { reuseBuffer: false }));
  }
}

/** Errors of one queue; all others end the run. A damaged backup is no queue's fault. */
function isQueueFailure(error: unknown): error is AppError {
  return error instanceof AppError &&
    ["failed", "refused", "broker_missing", "broker_denied"].includes(error.code);
}
