import type { Manifest } from "../../archive/manifest.ts";
import type { RestoreQueueRow, Run, RunKey } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import { queueKey } from "../queue_key.ts";
import { shortfallOf } from "../stored/shortfall.ts";
import { type Bindings, bindingsOf } from "./bindings.ts";
import { newChoice, type RestoreChoice, resumedChoice } from "./choice.ts";
import { readForRestore } from "./definitions.ts";
import type { RestoreMapping } from "./mapping.ts";
import { selectQueues, withDefinedArguments } from "./plan.ts";
import { policyNotes } from "./policies.ts";
import { type MessageSelection, shareOf } from "./selection.ts";
import { planTargets, refusalOf, type Target } from "./targets.ts";
import { missingVhosts, vhostRefusal } from "./vhosts.ts";

/** All that is known before a restore touches the target; a dry run ends here. */
export interface RestoreSurvey {
  readonly targets: readonly Target[];
  readonly bindings: Bindings;
  /** Vhosts that are to be created. */
  readonly vhosts: readonly string[];
  /** What a person should know of queues, in the order of `targets`. */
  readonly notes: ReadonlyMap<Target, readonly string[]>;
  /** Why nothing is to be restored. */
  readonly refusal: AppError | undefined;
}

/** What {@linkcode surveyRestore} goes by. */
export interface SurveyOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly manifest: Manifest;
  readonly selection: MessageSelection;
  readonly mapping: RestoreMapping;
  readonly connections: ConnectionPool;
  /** What the run that is gone on with has recorded. */
  readonly recorded: readonly RestoreQueueRow[];
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** Looks at the backup and at the target, and decides what to do with each queue. */
export async function surveyRestore(options: SurveyOptions): Promise<RestoreSurvey> {
  const { config: { restore }, storage, manifest, mapping, connections, emit, signal } = options;
  tellShortfall(manifest, emit);
  // 1. What goes where.
  const entries = await withDefinedArguments(storage, {
    manifest,
    entries: selectQueues(manifest, restore.queues),
  });
  const sources = entries.map((entry) => ({
    entry,
    destination: mapping.mapQueue(entry),
    share: shareOf(entry, options.selection),
  }));
  for (const message of mapping.unused()) emit({ type: "warning", message });

  // 2. What there is.
  const vhosts = new Set(sources.map(({ destination }) => destination.vhost));
  const missing = await missingVhosts(vhosts, { connections, signal });
  const targets = await planTargets(sources, {
    restore,
    connections,
    positions: new Map(options.recorded.map((row) => [queueKey(row), row])),
    missingVhosts: new Set(missing.keys()),
    signal,
  });

  // 3. What comes with it.
  const refusal = restore.create_missing_vhosts ? undefined : vhostRefusal(missing);
  const refused = refusal ?? refusalOf(targets, restore);
  const filled = refused === undefined ? targets : [];
  const bindings = await bindingsOf(filled, { manifest, storage, emit });
  const notes = await notesOf(filled, options);
  return { targets, bindings, vhosts: [...missing.keys()], notes, refusal: refused };
}

async function notesOf(
  targets: readonly Target[],
  { manifest, storage, config, signal }: SurveyOptions,
): Promise<Map<Target, readonly string[]>> {
  const created = targets.filter(({ action }) => action === "create");
  const policies = await policyNotes(created, {
    policies: created.length === 0 ? [] : await policiesIn(manifest, storage),
    target: requireTarget(config),
    signal,
  });
  const notes = created.map((target) => {
    const { entry, destination, declaration } = target;
    const policy = policies.get(target);
    const texts = [
      ...declaration!.changes,
      ...isRenamed({ entry, destination })
        ? ["created under another name, and so without bindings"]
        : [],
      ...policy === undefined ? [] : [policy],
    ];
    return [target, texts] as const;
  });
  return new Map(notes.filter(([, texts]) => texts.length > 0));
}

async function policiesIn(manifest: Manifest, storage: Storage) {
  if (manifest.definitions === null) return [];
  try {
    return (await readForRestore(storage, manifest)).policies;
  } catch (error) {
    // That they are damaged has been said for the bindings.
    if (error instanceof AppError && error.code === "damaged") return [];
    throw error;
  }
}

/** Whether the queue gets another name; another vhost is another place for the same. */
function isRenamed({ entry, destination }: Pick<Target, "entry" | "destination">): boolean {
  return entry.name !== destination.name;
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

/** Which restore is meant, and when it was called for. */
export interface RestoreCall {
  readonly config: Config;
  readonly key: RunKey;
  /** When the backup was begun, epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds; what times from now are seen from. */
  readonly now: number;
}

/** An interrupted run to go on with, and the choice that it was begun with. */
export interface FoundRestore {
  readonly run: Run | undefined;
  readonly choice: RestoreChoice;
}

/**
 * The interrupted run to go on with. Throws `refused` when it is of another backup of that id, or was
 * begun with another choice and has published something; one that has not is begun anew.
 */
export function findRestore(
  checkpoint: CheckpointStore,
  { config: { restore }, key, createdAt, now }: RestoreCall,
): FoundRestore {
  const known = checkpoint.findRun(key);
  if (known?.state !== "running") return { run: undefined, choice: newChoice(restore, now) };
  if (known.peer !== peerOf(createdAt)) {
    throw new AppError(
      "refused",
      `Cannot go on with the restore of "${key.backupId}": its checkpoint is of another backup ` +
        "that had the same id",
      { hint: "empty the target queues, and set offset_storage.db_path to a new file" },
    );
  }
  if (checkpoint.restoreQueues(known.id).length === 0) {
    return { run: undefined, choice: newChoice(restore, now) };
  }
  const { backupId } = key;
  const choice = resumedChoice(restore, { recorded: known.choice, now, backupId });
  return { run: known, choice };
}

/** The run to go on with, or a new one, and its choice. */
export function claimRestore(
  checkpoint: CheckpointStore,
  call: RestoreCall,
): { run: Run; choice: RestoreChoice } {
  const { run, choice } = findRestore(checkpoint, call);
  if (run !== undefined) return { run, choice };
  const { key, createdAt, now } = call;
  const begun = checkpoint.startRun(key, {
    peer: peerOf(createdAt),
    startedAt: now,
    choice: choice.recorded,
  });
  return { run: begun, choice };
}

/** A backup id may have been deleted and taken again: then positions of the old one mean nothing. */
function peerOf(createdAt: number): string {
  return String(createdAt);
}

export function connectionsOf(config: Config, signal: AbortSignal): ConnectionPool {
  return new ConnectionPool(requireTarget(config), "rabbitmq-backup restore", { signal });
}
