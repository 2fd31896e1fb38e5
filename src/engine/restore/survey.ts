import type { Manifest } from "../../archive/manifest.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { RestoreQueueRow, Run, RunKey } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import { queueKey } from "../queue_key.ts";
import { type Bindings, bindingsOf } from "./bindings.ts";
import { selectQueues, withDefinedArguments } from "./plan.ts";
import { planTargets, refusalOf, type Target } from "./targets.ts";
import { streamConnector, StreamSurvey } from "../stream/survey.ts";
import { shortfallOf } from "../stored/shortfall.ts";

/** All that is known before a restore touches the target; a dry run ends here. */
export interface RestoreSurvey {
  readonly targets: readonly Target[];
  readonly bindings: Bindings;
  /** Why nothing is to be restored. */
  readonly refusal: AppError | undefined;
}

/** Looks at the backup and at the target, and decides what to do with each queue. */
export async function surveyRestore(options: {
  config: Config;
  storage: Storage;
  manifest: Manifest;
  connections: ConnectionPool;
  streams: StreamConnector;
  /** What the run that is gone on with has recorded. */
  recorded: readonly RestoreQueueRow[];
  emit: EventSink;
  signal: AbortSignal;
}): Promise<RestoreSurvey> {
  const { config, storage, manifest, connections, recorded, emit, signal } = options;
  tellShortfall(manifest, emit);
  const entries = await withDefinedArguments(storage, {
    manifest,
    entries: selectQueues(manifest, config.restore.queues),
  });
  const positions = new Map(recorded.map((row) => [queueKey(row), row]));
  const targets = await planTargets({
    config,
    entries,
    connections,
    streams: new StreamSurvey(options.streams),
    positions,
    signal,
  });
  const refusal = refusalOf(targets, config);
  const bindings = await bindingsOf(refusal === undefined ? targets : [], {
    manifest,
    storage,
    emit,
  });
  return { targets, bindings, refusal };
}

function tellShortfall(manifest: Manifest, emit: EventSink): void {
  const message = shortfallOf(manifest);
  if (message === undefined) return;
  const hint = `describe --backup-id ${manifest.backup_id} shows what is missing, and why`;
  emit({ type: "warning", message, hint });
}

/** What makes a restore the same when the command is given again. */
export function restoreKey(
  config: Config,
  { backupId, location }: { backupId: string; location: string },
): RunKey {
  const { address } = requireTarget(config).amqp_url;
  return { operation: "restore", backupId, location, scope: address };
}

/** The interrupted run to go on with. Throws `refused` when it is of another backup of that id. */
export function findRestore(
  checkpoint: CheckpointStore,
  { key, createdAt }: { key: RunKey; createdAt: number },
): Run | undefined {
  const known = checkpoint.findRun(key);
  if (known?.state !== "running") return undefined;
  if (known.peer === peerOf(createdAt)) return known;
  throw new AppError(
    "refused",
    `Cannot go on with the restore of "${key.backupId}": its checkpoint is of another backup ` +
      "that had the same id",
    { hint: "empty the target queues, and set offset_storage.db_path to a new file" },
  );
}

/** The run to go on with, or a new one. */
export function claimRestore(
  checkpoint: CheckpointStore,
  options: { key: RunKey; createdAt: number },
): Run {
  return findRestore(checkpoint, options) ??
    checkpoint.startRun(options.key, peerOf(options.createdAt), Date.now());
}

/** A backup id may have been deleted and taken again: then positions of the old one mean nothing. */
function peerOf(createdAt: number): string {
  return String(createdAt);
}

export function streamsOf(
  config: Config,
  { emit, signal }: { emit: EventSink; signal: AbortSignal },
): StreamConnector {
  return streamConnector(requireTarget(config), { name: "rabbitmq-backup restore", emit, signal });
}

export function connectionsOf(config: Config, signal: AbortSignal): ConnectionPool {
  return new ConnectionPool(requireTarget(config), "rabbitmq-backup restore", { signal });
}
