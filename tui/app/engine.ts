import type { Config } from "../../src/config/config.ts";
import type { EventSink, SummaryEvent } from "../../src/engine/events.ts";
import type { Pace } from "../../src/engine/pace.ts";
import type { BackupPlan, RestorePlan } from "../../src/engine/plan_types.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
import type { VerifyReport } from "../../src/engine/verify/verify.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { BackupListing } from "../../src/engine/stored/list.ts";
import type { SourceView } from "../../src/engine/survey/browse.ts";

/** What a run of the engine is given. */
export interface RunTools {
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** A backup that is planned or taken. */
export interface BackupCall {
  readonly config: Config;
  readonly backupId: string;
}

/** A restore that is planned or done, or its comparison. */
export interface RestoreCall extends BackupCall {
  /** One time for the plan and for the run. */
  readonly now: Date;
}

/** The engine as screens use it; tests put their own in place. */
export interface Engine {
  browse(config: Config, options: { signal: AbortSignal }): Promise<SourceView>;
  listBackups(config: Config, options: { signal: AbortSignal }): Promise<BackupListing[]>;
  planBackup(call: BackupCall & RunTools): Promise<BackupPlan>;
  runBackup(call: BackupCall & RunTools & { pace?: Pace }): Promise<SummaryEvent>;
  loadManifest(
    config: Config,
    options: { backupId: string; signal: AbortSignal },
  ): Promise<Manifest>;
  planRestore(call: RestoreCall & RunTools): Promise<RestorePlan>;
  runRestore(call: RestoreCall & RunTools): Promise<SummaryEvent>;
  verify(call: RestoreCall & RunTools): Promise<VerifyReport>;
}

/** The engine itself, each part loaded when it is first needed. */
export const ENGINE: Engine = {
  async browse(config, options) {
    return await (await import("../../src/engine/survey/browse.ts")).browseSource(config, options);
  },
  async listBackups(config, { signal }) {
    const { listBackups } = await import("../../src/engine/stored/list.ts");
    return await withStorage({ config, signal }, listBackups);
  },
  async loadManifest(config, { backupId, signal }) {
    const { loadManifest } = await import("../../src/engine/stored/list.ts");
    return await withStorage({ config, signal }, (storage) => loadManifest(storage, backupId));
  },
  async planBackup(call) {
    return await (await import("../../src/engine/backup/backup.ts")).planBackup(call);
  },
  async runBackup(call) {
    return await (await import("../../src/engine/backup/run.ts")).runBackup(call);
  },
  async planRestore(call) {
    return await (await import("../../src/engine/restore/dry_run.ts")).planRestore(call);
  },
  async runRestore(call) {
    const { runRestore } = await import("../../src/engine/restore/restore.ts");
    return await runRestore({ ...call, isPlanSeen: true });
  },
  async verify(call) {
    return await (await import("../../src/engine/verify/verify.ts")).verifyRestored(call);
  },
};

async function withStorage<T>(
  options: { config: Config; signal: AbortSignal },
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const { openRunStorage } = await import("../../src/engine/open_storage.ts");
  const storage = await openRunStorage({ ...options, emit: () => {} });
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}
