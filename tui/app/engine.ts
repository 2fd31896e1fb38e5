import type { Config } from "../../src/config/config.ts";
import type { EventSink, SummaryEvent } from "../../src/engine/events.ts";
import type { BackupPlan } from "../../src/engine/plan_types.ts";
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

/** The engine as screens use it; tests put their own in place. */
export interface Engine {
  browse(config: Config, options: { signal: AbortSignal }): Promise<SourceView>;
  listBackups(config: Config, options: { signal: AbortSignal }): Promise<BackupListing[]>;
  planBackup(call: BackupCall & RunTools): Promise<BackupPlan>;
  runBackup(call: BackupCall & RunTools): Promise<SummaryEvent>;
}

/** The engine itself, each part loaded when it is first needed. */
export const ENGINE: Engine = {
  async browse(config, options) {
    return await (await import("../../src/engine/survey/browse.ts")).browseSource(config, options);
  },
  async listBackups(config, { signal }) {
    const { openRunStorage } = await import("../../src/engine/open_storage.ts");
    const { listBackups } = await import("../../src/engine/stored/list.ts");
    const storage = await openRunStorage({ config, emit: () => {}, signal });
    try {
      return await listBackups(storage);
    } finally {
      await storage.close();
    }
  },
  async planBackup(call) {
    return await (await import("../../src/engine/backup/backup.ts")).planBackup(call);
  },
  async runBackup(call) {
    return await (await import("../../src/engine/backup/backup.ts")).runBackup(call);
  },
};
