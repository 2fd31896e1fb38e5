import { hostname } from "node:os";
import { manifestKey, markerKey } from "../../archive/layout.ts";
import type { Run, RunKey } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { AppError } from "../../errors.ts";
import { bytesOf, ObjectExistsError, readAll, type Storage } from "../../storage/storage.ts";

const MARKER_MAX_BYTES = 64 * 1024;

/**
 * Decides whether a backup is started or gone on with, and leaves the marker in storage that stands
 * until the manifest is there. Returns the run and whether it is a resumed one.
 */
export async function claimBackup(
  storage: Storage,
  checkpoint: CheckpointStore,
  options: {
    key: RunKey;
    peer: string;
    /** Which queues were asked for, as text that is the same for the same choice. */
    choice: string;
    /** Told of the run before the marker stands, which without its checkpoint nobody could go on with. */
    begun: (run: Run) => Promise<void>;
  },
): Promise<{ run: Run; resumed: boolean }> {
  const { key, peer, choice, begun } = options;
  await refuseFinished(storage, key);
  const known = checkpoint.runs.find(key);
  const marker = await readMarker(storage, key.backupId);
  if (known !== undefined && known.state === "running" && isOf(marker, known)) {
    if (known.peer !== peer) throw otherSource(key, known.peer, peer);
    // What one of them asked for would be missing in silence.
    if (known.choice !== "" && known.choice !== choice) throw otherChoice(key);
    await begun(known);
    return { run: known, resumed: true };
  }
  if (marker !== undefined) {
    throw new AppError(
      "locked",
      `Cannot start backup "${key.backupId}": it was begun on host "${marker.host}" at ` +
        `${marker.startedAt} from ${marker.source}, and the checkpoint to go on with is not here`,
      {
        hint: "run it there, or point offset_storage.db_path at its checkpoint; to give it up, " +
          `delete "${key.backupId}/" in ${storage.location}, or choose another backup_id`,
      },
    );
  }
  // Checkpoint before marker: a marker without a checkpoint could not be gone on with.
  const run = checkpoint.runs.start(key, { peer, startedAt: Date.now(), choice });
  await begun(run);
  await writeMarker(storage, key.backupId, {
    host: hostname(),
    startedAt: new Date(run.startedAt).toISOString(),
    source: peer,
  });
  try {
    // Another one may have come to its end between our first look and our marker.
    await refuseFinished(storage, key);
  } catch (error) {
    await storage.delete([markerKey(key.backupId)]);
    throw error;
  }
  return { run, resumed: false };
}

/** Throws `refused` when there is a finished backup of that id. */
export async function refuseFinished(
  storage: Storage,
  key: Pick<RunKey, "backupId">,
): Promise<void> {
  if (await storage.stat(manifestKey(key.backupId)) !== undefined) {
    throw new AppError(
      "refused",
      `Cannot start backup "${key.backupId}": it exists already and is finished`,
      {
        hint:
          "choose another backup_id; one with a time pattern such as nightly-%Y%m%d-%H%M%S is new each run",
      },
    );
  }
}

/** Who began a backup that is not finished. */
export interface Marker {
  host: string;
  /** ISO 8601. */
  startedAt: string;
  /** Name of the cluster. */
  source: string;
}

/** The marker of an unfinished backup; undefined when there is none. */
export async function readMarker(
  storage: Storage,
  backupId: string,
): Promise<Marker | undefined> {
  const key = markerKey(backupId);
  if (await storage.stat(key) === undefined) return undefined;
  const unknown = { host: "unknown", startedAt: "an unknown time", source: "unknown" };
  try {
    const bytes = await readAll(storage.get(key), MARKER_MAX_BYTES);
    return { ...unknown, ...JSON.parse(new TextDecoder().decode(bytes)) };
  } catch (error) {
    if (error instanceof AppError) throw error;
    return unknown;
  }
}

/** Whether a run left this marker: one of the same id may have been given up, and begun anew. */
export function isOf(marker: Marker | undefined, { startedAt }: Run): boolean {
  if (marker === undefined) return false;
  const time = Date.parse(marker.startedAt);
  return Number.isNaN(time) || time === startedAt;
}

async function writeMarker(storage: Storage, backupId: string, marker: Marker): Promise<void> {
  try {
    await storage.put(markerKey(backupId), bytesOf(JSON.stringify(marker)), {
      ifAbsent: true,
      isTransient: true,
    });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    throw new AppError("locked", `Cannot start backup "${backupId}": another one just began it`, {
      cause: error,
    });
  }
}

function otherSource(key: RunKey, known: string, peer: string): AppError {
  return new AppError(
    "refused",
    `Cannot go on with backup "${key.backupId}": its checkpoint is of source "${known}", ` +
      `and this is "${peer}"`,
    { hint: "choose another backup_id, or the source it was begun with" },
  );
}

function otherChoice({ backupId }: RunKey): AppError {
  return new AppError(
    "refused",
    `Cannot go on with backup "${backupId}": it was begun with another choice of queues`,
    { hint: "choose the same queues (source.queues, or flags), or another backup_id" },
  );
}
