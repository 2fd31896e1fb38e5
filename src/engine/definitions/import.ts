import { ManagementClient } from "../../broker/management/client.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import type { Definitions } from "../../definitions/document.ts";
import {
  importDefinitions,
  type ImportReport,
  type ReportedObject,
} from "../../definitions/import.ts";
import { originalVhost } from "../../definitions/document.ts";
import { readDefinitions } from "../../definitions/export.ts";
import { formatDefinitions } from "../../definitions/format.ts";
import { AppError } from "../../errors.ts";
import { compareSides } from "./sides.ts";
import { endImport, keepBeforeImport, type KeptSnapshot } from "./begun_import.ts";
import type { RollbackPlace, Snapshot } from "./rollback.ts";

/** What an import did, and the way back. */
export interface DefinitionsResult {
  readonly report: ImportReport;
  /** What the target had; absent when nothing had to be changed. */
  readonly snapshot?: Snapshot;
  /** An earlier try of the same import did not come to its end; the snapshot is of before that one. */
  readonly isRetry?: boolean;
}

/** Options of {@linkcode runImport}. */
export interface ImportRun {
  readonly config: Config;
  /** Selected and transformed already. */
  readonly definitions: Definitions;
  /** See `importDefinitions`. */
  readonly vhost?: string | undefined;
  readonly dryRun: boolean;
  readonly place: RollbackPlace;
  readonly signal: AbortSignal;
}

/**
 * Imports definitions into the target. What it has is kept first, and if that fails nothing is
 * changed.
 *
 * @throws AppError as `importDefinitions`, and the storage's
 */
export async function runImport(run: ImportRun): Promise<DefinitionsResult> {
  const { config, definitions, vhost, dryRun, place, signal } = run;
  const target = requireTarget(config);
  const client = new ManagementClient(target);
  let kept: KeptSnapshot | undefined;
  try {
    const report = await importDefinitions(client, definitions, {
      vhost,
      password: target.management_password,
      dryRun,
      signal,
      allowVersionMismatch: config.restore.definitions_allow_version_mismatch,
      skipUnsupported: config.restore.definitions_skip_unsupported,
      beforeChange: async (text) => {
        kept = await keepBeforeImport(place, {
          text,
          target: client.url,
          content: [vhost ?? null, formatDefinitions(definitions)],
        });
      },
    });
    if (kept === undefined) return { report };
    await endImport(place, kept.snapshot);
    return { report, ...kept };
  } catch (error) {
    if (kept === undefined || !(error instanceof AppError)) throw error;
    const { key } = kept.snapshot;
    const back = `what the broker had is kept in ${key}: definitions-rollback brings it back`;
    const hint = error.hint === undefined ? back : `${error.hint}; ${back}`;
    throw new AppError(error.code, error.message, { hint, cause: error });
  }
}

/** Imports a snapshot, and tells what the broker has beside it: nothing is deleted. */
export async function runRollback(
  run: ImportRun,
): Promise<{ result: DefinitionsResult; createdSince: readonly ReportedObject[] }> {
  const { config, definitions, signal } = run;
  const result = await runImport(run);
  const client = new ManagementClient(requireTarget(config));
  const live = await readDefinitions(client, { signal });
  const { added } = compareSides(
    { definitions, vhost: originalVhost(definitions) },
    { definitions: live, vhost: undefined },
  );
  return { result, createdSince: added };
}
