import { setTimeout as delay } from "node:timers/promises";
import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import {
  type Definitions,
  objectsOf,
  parseDefinitions,
  VHOST_KINDS,
  withoutVhost,
} from "./document.ts";
import { readDefinitions } from "./export.ts";
import { partsOf } from "./parts.ts";
import { expected, type ImportReport, isUpdatable, reportOf } from "./import_report.ts";

export type { ImportReport, KindReport, ReportedObject } from "./import_report.ts";

/** Options of {@linkcode importDefinitions}. */
export interface ImportOptions {
  /**
   * Import the objects of a single-vhost file into this vhost, which must exist. Default: the one
   * that the file says it was taken of.
   */
  vhost?: string | undefined;
  /** Change nothing; the report says what would be created. */
  dryRun?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** How long to wait until all is there; default 30 s. */
  timeoutMs?: number;
}

const POLL_MS = 500;

/** Well below what the brokers take in one request. */
const PART_BYTES = 4 * 1024 * 1024;

/**
 * Imports definitions, waits until the broker shows them, and says what came of each. Deletes
 * nothing. Needs an administrator.
 *
 * @throws AppError `damaged` when the text is no definitions; `failed` when the broker refuses them
 * (what it took before stays); `broker_denied`, `broker_missing`, `broker_unreachable`
 */
export async function importDefinitions(
  client: ManagementClient,
  text: string,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const { signal } = options;
  const parsed = parseDefinitions(text);
  const vhost = options.vhost ?? originalVhost(parsed);
  const wanted = scoped(parsed, vhost);
  const read = () => readDefinitions(client, { vhost, signal, purpose: "import" });
  const before = await read();
  if (options.dryRun) {
    return reportOf(wanted, {
      before,
      after: expected(wanted, before, vhost),
      vhost,
      dryRun: true,
    });
  }
  await send(client, wanted, { vhost, signal });
  const end = Date.now() + (options.timeoutMs ?? 30_000);
  while (true) {
    const after = await read();
    const report = reportOf(wanted, { before, after, vhost, dryRun: false });
    if (report.complete || Date.now() >= end) return report;
    // What is there and different stays so; what is missing may still come.
    if (report.missing.length === 0 && !report.different.some(isUpdatable)) return report;
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal })
      .catch(() => signal?.throwIfAborted());
  }
}

/** The vhost of which a single vhost's definitions were taken, where they name it. */
function originalVhost(definitions: Definitions): string | undefined {
  const name = definitions["original_vhost_name"];
  return typeof name === "string" && vhostsOf(definitions).has(undefined) ? name : undefined;
}

/** Names of vhosts in the objects; `undefined` among them where one says none. */
function vhostsOf(definitions: Definitions): Set<unknown> {
  return new Set(
    VHOST_KINDS.flatMap((kind) => objectsOf(definitions, kind).map((object) => object.vhost)),
  );
}

/**
 * The definitions as they will be sent: for one vhost without its name. Refuses those that belong
 * elsewhere.
 */
function scoped(definitions: Definitions, vhost: string | undefined): Definitions {
  const named = vhostsOf(definitions);
  const ofOneVhost = named.has(undefined);
  if (vhost === undefined) {
    if (!ofOneVhost) return definitions;
    throw new AppError(
      "refused",
      "Cannot import definitions: they are of a single vhost, and do not say of which",
      { hint: "Name the vhost to import them into: --vhost NAME" },
    );
  }
  const ofBroker = !ofOneVhost && objectsOf(definitions, "vhosts").length > 0;
  const others = [...named].filter((name) => name !== undefined && name !== vhost);
  if (!ofBroker && (ofOneVhost || others.length === 0)) return withoutVhost(definitions);
  const found = ofBroker ? "a whole broker" : `vhost ${JSON.stringify(others[0])}`;
  throw new AppError(
    "refused",
    `Cannot import definitions into vhost ${JSON.stringify(vhost)}: they are of ${found}`,
    { hint: "Leave out --vhost, or use an export of one vhost" },
  );
}

async function send(
  client: ManagementClient,
  wanted: Definitions,
  { vhost, signal }: ImportOptions,
): Promise<void> {
  const named = vhost === undefined || client.isAddressable(vhost);
  const whole = named ? wanted : withVhost(wanted, vhost);
  try {
    for (const part of partsOf(whole, PART_BYTES)) {
      await client.putDefinitions(part, { vhost: named ? vhost : undefined, signal });
    }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "failed") throw error;
    throw new AppError(error.code, error.message, {
      hint: "What the broker took before it refused stays. Correct the file and run this again: " +
        "what is there already is left alone",
      cause: error,
    });
  }
}

/** The objects of a single vhost with its name, as the definitions of a whole broker have them. */
function withVhost(wanted: Definitions, vhost: string): Definitions {
  const entries = VHOST_KINDS.map((kind) => [
    kind,
    objectsOf(wanted, kind).map((object) => ({ ...object, vhost })),
  ]);
  return Object.fromEntries(entries) as Definitions;
}
