import { setTimeout as delay } from "node:timers/promises";
import type { ManagementClient } from "../broker/management/client.ts";
import { type DefinedObject, type Definitions, filtered } from "./document.ts";
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
import { sendDefinitions } from "./send.ts";

export type { FailedObject, ImportReport, KindReport } from "./import_report.ts";
export type { ChangedObject, ReportedObject } from "./diff.ts";

/** Options of {@linkcode importDefinitions}. */
export interface ImportOptions extends PlanOptions {
  /** Change nothing; the report says what would be. */
  dryRun?: boolean | undefined;
  /** How long to wait until all is there; default 30 s. */
  timeoutMs?: number;
  /**
   * Called once before anything is changed, and not when there is nothing to change, with what the target has as definitions that bring it
   * back: whole, or of the one vhost that is imported into. What it throws ends the import.
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
  const { wanted, vhost, before } = plan;
  const sent = toBeSent(accepted(plan), before, vhost);
  if (placed(sent).length > 0) await beforeChange?.(snapshotOf(plan));
  const refusals = await sendDefinitions(client, sent, { vhost, signal });
  const failed = [
    ...predicted(plan),
    ...refusals.map(({ kind, object, reason }) => ({
      ...reported(kind, object, vhost),
      object,
      reason,
    })),
  ];
  const end = Date.now() + timeoutMs;
  while (true) {
    const after = await readDefinitions(client, { vhost, signal, purpose: "import" });
    const report = reportOf(wanted, { ...plan, after, failed, dryRun: false });
    if (report.complete || Date.now() >= end) return report;
    if (!mayStillCome(report)) return report;
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal })
      .catch(() => signal?.throwIfAborted());
  }
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
