import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { requireStorage, requireTarget } from "../../config/config.ts";
import { openStorage } from "../../storage/open.ts";
import type { RunOptions } from "../backup/backup.ts";
import { loadManifest } from "../stored/list.ts";
import type { PlannedRestoreQueue, RestorePlan } from "../plan_types.ts";
import { connectionsOf, findRestore, restoreKey, streamsOf, surveyRestore } from "./survey.ts";
import type { Target } from "./targets.ts";
import { shortfallOf } from "../stored/shortfall.ts";

/** What `runRestore` would do; changes nothing. */
export async function planRestore(options: RunOptions): Promise<RestorePlan> {
  const { config, backupId, emit, signal } = options;
  const storage = await openStorage(requireStorage(config));
  try {
    const { location } = storage;
    const manifest = await loadManifest(storage, backupId);
    const recorded = recordedBefore(config.offset_storage.db_path, {
      key: restoreKey(config, { backupId, location }),
      createdAt: manifest.created_at,
    });
    await using connections = connectionsOf(config, signal);
    const { targets, refusal } = await surveyRestore({
      config,
      storage,
      manifest,
      connections,
      streams: streamsOf(config, { emit, signal }),
      recorded,
      emit,
      signal,
    });
    const warning = shortfallOf(manifest);
    return {
      backupId,
      location,
      target: { address: requireTarget(config).amqp_url.address },
      ...(refusal === undefined ? {} : { refused: textOf(refusal) }),
      ...(warning === undefined ? {} : { warning }),
      queues: targets.map(planned),
    };
  } finally {
    await storage.close();
  }
}

function recordedBefore(path: string, run: Parameters<typeof findRestore>[1]): RestoreQueueRow[] {
  using checkpoint = CheckpointStore.openToRead(path);
  const known = checkpoint && findRestore(checkpoint, run);
  return known === undefined ? [] : checkpoint!.restoreQueues(known.id);
}

function textOf({ message, hint }: { message: string; hint: string | undefined }) {
  return hint === undefined ? { message } : { message, hint };
}

function planned({ entry, action, position, reason, hint }: Target): PlannedRestoreQueue {
  const before = action === "use" ? position.confirmed : 0;
  return {
    vhost: entry.vhost,
    queue: entry.name,
    queueType: entry.queue_type,
    messages: entry.message_count,
    action,
    ...(before === 0 ? {} : { restoredBefore: before }),
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  };
}
