import { setTimeout as delay } from "node:timers/promises";
import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import { type DefinedObject, type Definitions, filtered, type Kind } from "./document.ts";
import { readDefinitions } from "./export.ts";
import { formatDefinitions } from "./format.ts";
import { blockedError, type ImportPlan, planImport, type PlanOptions } from "./import_plan.ts";
import {
  expected,
  type FailedObject,
  type ImportReport,
  isUpdatable,
  reportOf,
  toBeSent,
} from "./import_report.ts";
import { reported, type ReportedObject } from "./diff.ts";
import { placed } from "./parts.ts";
import { type Refusal, sendDefinitions } from "./send.ts";

export type { FailedObject, ImportReport, KindReport } from "./import_report.ts";
export type { ChangedObject, ReportedObject } from "./diff.ts";

/** Options of {@linkcode importDefinitions}. */
export interface ImportOptions extends PlanOptions {
  /** Change nothing; the report says what would be. */
  dryRun?: boolean | undefined;
  /** How long to wait until all is there; default 30 s. */
  timeoutMs?: number;
  /**
   * Called once before anything is changed, and not when there is nothing to change. Gets what the
   * target has, as definitions that bring it back: whole, or of the one vhost that is imported into.
   * What it throws ends the import.
   */
  beforeChange?: ((snapshot: string) => Promise<void>) | undefined;
}

const POLL_MS = 500;

/**
 * Imports definitions, waits until the broker shows them, and says what came of each. What is there
 * as wanted is not sent again; nothing is deleted. Needs an administrator.
 *
 * @throws AppError `refused` when they belong elsewhere, are of another major version or hold what
 * the broker would not take (see {@linkcode PlanOptions}), before anything is changed; `failed` when
 * the broker refuses more than single objects (what it took before stays); `broker_denied`,
 * `broker_missing`, `broker_unreachable`
 */
export async function importDefinitions(
  client: ManagementClient,
  definitions: Definitions,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const plan = await planImport(client, definitions, options);
  if (options.dryRun) return dryReport(plan);
  if (plan.blocked !== undefined) throw blockedError(plan.blocked);
  return await carryOut(client, plan, options);
}

function dryReport(plan: ImportPlan): ImportReport {
  const { wanted, vhost, before } = plan;
  const after = expected(accepted(plan), before, vhost);
  return reportOf(wanted, { ...plan, after, failed: predicted(plan), dryRun: true });
}

async function carryOut(
  client: ManagementClient,
  plan: ImportPlan,
  { beforeChange, signal, timeoutMs = 30_000 }: ImportOptions,
): Promise<ImportReport> {
  const { vhost, before } = plan;
  const sent = toBeSent(accepted(plan), before, vhost);
  if (placed(sent).length > 0) await beforeChange?.(snapshotOf(plan));
  // 1. All but the user who imports: with another password it could not go on.
  const isOwn = (kind: Kind, { name }: DefinedObject) =>
    kind === "users" && name === client.username;
  const own = filtered(sent, isOwn);
  const others = filtered(sent, (kind, object) => !isOwn(kind, object));
  const refusals = await sendDefinitions(client, others, { vhost, signal });

  // 2. Until they are there.
  const end = Date.now() + timeoutMs;
  let there: Definitions;
  while (true) {
    const read = await readDefinitions(client, { vhost, signal, purpose: "import" });
    there = expected(own, read, vhost);
    const report = reportOfRun(plan, { after: there, refusals });
    if (report.complete || Date.now() >= end || !mayStillCome(report)) break;
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal })
      .catch(() => signal?.throwIfAborted());
  }
  if (placed(own).length === 0) return reportOfRun(plan, { after: there, refusals });

  // 3. That user, who may then not look any more.
  refusals.push(...await sendDefinitions(client, own, { vhost, signal }));
  const after = await readDefinitions(client, { vhost, signal, purpose: "import" })
    .catch((error) => {
      if (error instanceof AppError && error.code === "broker_denied") return there;
      throw error;
    });
  return reportOfRun(plan, { after, refusals });
}

function reportOfRun(
  plan: ImportPlan,
  { after, refusals }: { after: Definitions; refusals: readonly Refusal[] },
): ImportReport {
  const { wanted, vhost } = plan;
  const failed = [
    ...predicted(plan),
    ...refusals.map(({ kind, object, reason }) => ({
      ...reported(kind, object, vhost),
      object,
      reason,
    })),
  ];
  return reportOf(wanted, { ...plan, after, failed, dryRun: false });
}

/** What is missing may come later; what is different and was foretold, or is kept, stays so. */
function mayStillCome({ missing, different, changedMeaning }: ImportReport): boolean {
  const foretold = new Set(changedMeaning.map(keyOf));
  return missing.length > 0 ||
    different.some((object) => isUpdatable(object) && !foretold.has(keyOf(object)));
}

function keyOf({ kind, vhost = "", name }: ReportedObject): string {
  return [kind, vhost, name].join("\0");
}

/** What the broker is expected to take. */
function accepted({ wanted, findings }: ImportPlan): Definitions {
  const refused = new Set<DefinedObject>(
    findings.filter(({ effect }) => effect === "refused").map(({ object }) => object),
  );
  return filtered(wanted, (_kind, object) => !refused.has(object));
}

function predicted({ findings }: ImportPlan): (FailedObject & { object: DefinedObject })[] {
  return findings.filter(({ effect }) => effect === "refused")
    .map(({ effect: _, ...finding }) => finding);
}

/** What the target has, such that an import brings it back. */
function snapshotOf({ before, vhost }: ImportPlan): string {
  return formatDefinitions(
    vhost === undefined ? before : { ...before, original_vhost_name: vhost },
  );
}
