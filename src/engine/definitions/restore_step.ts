import type { Manifest } from "../../archive/manifest.ts";
import { ManagementClient } from "../../broker/management/client.ts";
import {
  type BrokerEndpoint,
  type Config,
  requireTarget,
  type RestoreOptions,
} from "../../config/config.ts";
import { type Definitions, objectsOf } from "../../definitions/document.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { checkComplete, parseDefinitions } from "../../definitions/parse.ts";
import { prepareDefinitions } from "../../definitions/prepare.ts";
import { renameVhosts } from "../../definitions/transform.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";
import { RestoreMapping } from "../restore/mapping.ts";
import { readBackupDefinitions } from "../stored/definitions.ts";
import { runImport } from "./import.ts";
import { rightsProblem, userIdProblem } from "./rights.ts";
import { placeInBackup } from "./rollback.ts";

/** What the step of a restore that imports definitions needs. */
export interface DefinitionsStep {
  readonly config: Config;
  readonly storage: Storage;
  readonly manifest: Manifest;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** How many objects a message names. */
const NAMED = 3;

const SHOWS_ALL = "restore --dry-run shows all";

/** What the definitions would change in the target; changes nothing. */
export async function planDefinitions(step: DefinitionsStep): Promise<ImportReport> {
  return await planOf(step, await wantedOf(step));
}

/**
 * Imports the definitions of a backup, before its messages.
 *
 * @throws AppError `refused` or `failed` when not all of them are there afterwards, unless the
 * configuration says to leave out what the target does not take
 */
export async function restoreDefinitions(step: DefinitionsStep): Promise<void> {
  const { emit } = step;
  emit({ type: "step", message: "Restoring the definitions" });
  const definitions = await wantedOf(step);
  const plan = await planOf(step, definitions);
  const { blocked } = plan;
  if (blocked !== undefined) {
    const problem =
      `Cannot restore the definitions: ${blocked.problem}. No message has been restored`;
    throw new AppError("refused", problem, { hint: `${SHOWS_ALL}. ${blocked.wayOut}` });
  }
  checkResult(plan, step);
  const report = await carryOut(step, { definitions, dryRun: false });
  checkResult(report, step);
  tellLosses(report, emit);
  emit({
    type: "step",
    message: `Definitions: ${report.created.length} created, ${report.updated.length} updated`,
  });
}

async function wantedOf({ config, storage, manifest }: DefinitionsStep): Promise<Definitions> {
  if (Object.keys(config.restore.definitions_rename_vhosts).length > 0) {
    throw new AppError(
      "usage",
      "Cannot restore definitions with vhosts under other names: messages go to those of their own",
      {
        hint: "use restore.vhost_mapping, which moves both; definitions_rename_vhosts is for " +
          "definitions-import",
      },
    );
  }
  const definitions = parseDefinitions(
    await readBackupDefinitions(storage, manifest.backup_id),
  );
  checkComplete(definitions);
  return movedVhosts(prepareDefinitions(definitions, config.restore), config.restore);
}

/** The definitions in the vhosts that the messages go to. */
function movedVhosts(definitions: Definitions, restore: RestoreOptions): Definitions {
  const mapping = new RestoreMapping(restore);
  const names = objectsOf(definitions, "vhosts").map(({ name }) => String(name))
    .map((name) => [name, mapping.mapVhost(name)] as const)
    .filter(([name, moved]) => name !== moved);
  return renameVhosts(definitions, Object.fromEntries(names));
}

async function planOf(step: DefinitionsStep, definitions: Definitions): Promise<ImportReport> {
  const plan = await carryOut(step, { definitions, dryRun: true });
  const { config, manifest } = step;
  const mapping = new RestoreMapping(config.restore);
  const vhosts = new Set(manifest.queues.map(({ vhost }) => mapping.mapVhost(vhost)));
  const blocked = plan.blocked ??
    rightsProblem(requireTarget(config), { vhosts, definitions, plan }) ??
    await keptUserIdProblem(step, { definitions, plan });
  return blocked === undefined ? plan : { ...plan, blocked };
}

/** Found out before anything is changed; the restore of messages would find it too late. */
async function keptUserIdProblem(
  { config, signal }: DefinitionsStep,
  { definitions, plan }: { definitions: Definitions; plan: ImportReport },
): Promise<ImportReport["blocked"]> {
  if (config.restore.user_id !== "keep") return undefined;
  const target = requireTarget(config);
  const { username } = target.amqp_url;
  const tags = await tagsIn(target, { username, signal });
  return userIdProblem(target, { tags, definitions, plan });
}

/** Tags of a user; none of one that is not there yet. */
async function tagsIn(
  target: BrokerEndpoint,
  { username, signal }: { username: string; signal: AbortSignal },
): Promise<readonly string[]> {
  try {
    return (await new ManagementClient(target).user(username, { signal })).tags;
  } catch (error) {
    if (error instanceof AppError && error.code === "broker_missing") return [];
    throw error;
  }
}

async function carryOut(
  { config, storage, manifest, signal }: DefinitionsStep,
  { definitions, dryRun }: { definitions: Definitions; dryRun: boolean },
): Promise<ImportReport> {
  const place = placeInBackup(storage, manifest);
  const { report } = await runImport({ config, definitions, dryRun, place, signal });
  return report;
}

/** Stops when the target is not as the definitions say; messages could go astray. */
function checkResult(report: ImportReport, { config: { restore } }: DefinitionsStep) {
  if (report.complete) return;
  const lenient = restore.definitions_skip_unsupported ||
    restore.definitions_allow_version_mismatch;
  if (lenient && report.missing.length === 0) return;
  const { failed, different, missing } = report;
  const problems = [
    ...failed.map((one) => ({ ...one, problem: one.reason })),
    ...different.map((one) => ({ ...one, problem: "it is there, and otherwise" })),
    ...missing.map((one) => ({ ...one, problem: "it is not there" })),
  ];
  const named = problems.slice(0, NAMED).map(({ kind, vhost, name, problem }) => {
    const where = vhost === undefined ? "" : ` of vhost ${JSON.stringify(vhost)}`;
    return `${JSON.stringify(name)}${where} in ${kind} (${problem})`;
  });
  const more = problems.length > NAMED ? `; and ${problems.length - NAMED} more` : "";
  throw new AppError(
    report.dryRun ? "refused" : "failed",
    `Cannot restore the definitions: ${named.join("; ")}${more}. No message has been restored`,
    {
      hint: `${SHOWS_ALL}. To go on without them set restore.definitions_skip_unsupported`,
    },
  );
}

function tellLosses(report: ImportReport, emit: EventSink): void {
  const losses = [
    ...report.failed.map((one) => ({ ...one, what: "was left out" })),
    ...report.different.map((one) => ({ ...one, what: "was left", reason: "it is otherwise" })),
    ...report.changedMeaning.map((one) => ({ ...one, what: "has changed" })),
  ];
  for (const { kind, vhost, name, what, reason } of losses) {
    const where = vhost === undefined ? "" : ` of vhost "${vhost}"`;
    emit({ type: "warning", message: `"${name}"${where} in ${kind} ${what}: ${reason}` });
  }
}
