import type { Config } from "../../src/config/config.ts";
import type { EventSink, SummaryEvent } from "../../src/engine/events.ts";
import type { Pace } from "../../src/engine/pace.ts";
import type { BackupPlan, RestorePlan } from "../../src/engine/plan_types.ts";
import type { Manifest, QueueEntry } from "../../src/archive/manifest.ts";
import type { VerifyReport } from "../../src/engine/verify/verify.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { BackupListing } from "../../src/engine/stored/list.ts";
import type { OpenQueue } from "../../src/engine/inspect/open_queue.ts";
import type { DoctorOptions, DoctorReport } from "../../src/engine/doctor/doctor.ts";
import type { ValidationReport } from "../../src/engine/stored/validate.ts";
import type { DefinitionsDiff } from "../../src/definitions/diff.ts";
import type { DefinitionsResult } from "../../src/engine/definitions/import.ts";
import type { SideContext } from "../../src/engine/definitions/sides.ts";
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

/** What an import of definitions did, or would do. */
export interface ImportOutcome extends Pick<DefinitionsResult, "report" | "isRetry"> {
  /** Where what the broker had is kept. */
  readonly kept?: string;
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
  /** The queues of a backup that a restore would take, streams with all that they stand on. */
  restoredEntries(
    config: Config,
    options: { backupId: string; signal: AbortSignal },
  ): Promise<readonly QueueEntry[]>;
  /** Opens a queue of a backup, to look at its messages. */
  openQueue(
    config: Config,
    options: {
      backupId: string;
      queue: { readonly vhost: string; readonly name: string };
      signal: AbortSignal;
    },
  ): Promise<OpenQueue>;
  planRestore(call: RestoreCall & RunTools): Promise<RestorePlan>;
  runRestore(call: RestoreCall & RunTools): Promise<SummaryEvent>;
  verify(call: RestoreCall & RunTools): Promise<VerifyReport>;
  examine(options: DoctorOptions): Promise<DoctorReport>;
  validate(
    call: BackupCall & RunTools & { readonly deep: boolean },
  ): Promise<ValidationReport>;
  /** Compares what two words stand for, as `definitions-diff` does. */
  diffDefinitions(
    config: Config,
    options: { words: readonly [string, string]; signal: AbortSignal },
  ): Promise<DefinitionsDiff>;
  /** Imports the definitions of a backup into the target, or says what that would do. */
  importDefinitions(
    call: BackupCall & { readonly dryRun: boolean; readonly signal: AbortSignal },
  ): Promise<ImportOutcome>;
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
  async restoredEntries(config, { backupId, signal }) {
    const { loadWhole } = await import("../../src/engine/stored/chain.ts");
    const { selectorOf } = await import("../../src/engine/restore/plan.ts");
    const isWanted = selectorOf(config.restore.queues);
    return await withStorage(
      { config, signal },
      async (storage) => (await loadWhole(storage, backupId, isWanted)).queues.filter(isWanted),
    );
  },
  async openQueue(config, options) {
    const { openQueue } = await import("../../src/engine/inspect/open_queue.ts");
    return await openQueue(config, options);
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
  async examine(options) {
    return await (await import("../../src/engine/doctor/doctor.ts")).examine(options);
  },
  async validate(call) {
    const { validateBackup } = await import("../../src/engine/stored/validate.ts");
    return await withStorage(call, (storage) => validateBackup({ ...call, storage }));
  },
  async diffDefinitions(config, { words: [first, second], signal }) {
    const { compareSides, loadSide, sideOf } = await import(
      "../../src/engine/definitions/sides.ts"
    );
    const tools: SideContext = {
      config,
      chooseBackup: (_storage, named) => Promise.resolve(named),
      readFile: (path) => Deno.readTextFile(path),
      signal,
    };
    const from = await loadSide(await sideOf(first, tools), tools);
    return compareSides(from, await loadSide(await sideOf(second, tools), tools));
  },
  async importDefinitions({ config, backupId, dryRun, signal }) {
    const { importOfBackup } = await import("../../src/engine/definitions/of_backup.ts");
    const { runImport } = await import("../../src/engine/definitions/import.ts");
    return await withStorage({ config, signal }, async (storage) => {
      const choice = config.restore;
      const { definitions, place } = await importOfBackup(storage, { backupId, choice });
      const { snapshot, ...result } = await runImport({
        ...{ config, definitions, place, dryRun, signal },
      });
      return {
        ...result,
        ...snapshot === undefined ? {} : { kept: `${storage.location}/${snapshot.key}` },
      };
    });
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
