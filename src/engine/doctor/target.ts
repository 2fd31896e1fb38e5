import type { Manifest } from "../../archive/manifest.ts";
import {
  type Config,
  type ForeignUserId,
  requireStorage,
  requireTarget,
} from "../../config/config.ts";
import { isIdPattern, LATEST } from "../../config/backup_id.ts";
import { AppError } from "../../errors.ts";
import { openStorage } from "../../storage/open.ts";
import { RestoreMapping } from "../restore/mapping.ts";
import { selectQueues } from "../restore/plan.ts";
import { listBackups, loadManifest } from "../stored/list.ts";
import { shortfallOf } from "../stored/shortfall.ts";
import { checkBroker } from "./broker.ts";
import type { AreaFindings, Findings } from "./findings.ts";
import { managementNeeds } from "./needs.ts";
import { checkRights, type WantedRights } from "./rights.ts";
import { firstVhost } from "./source.ts";
import { checkStreamPort } from "./stream_port.ts";

/** What of the restore is known before it. */
interface Destination {
  readonly vhost: string;
  readonly name: string;
  readonly isStream: boolean;
}

/** A queue that can be there by accident only, for a vhost of which no queue is known. */
const NOBODYS = "rabbitmq-backup.doctor";

/** Looks at the backup that is named, and at the broker that it is to be restored into. */
export async function examineTarget(
  findings: Findings,
  { config, isReadable, signal }: { config: Config; isReadable: boolean; signal: AbortSignal },
): Promise<void> {
  const endpoint = requireTarget(config);
  const inStorage = findings.of("storage");
  const manifest = isReadable
    ? await inStorage.attempt("backup", () => readBackup(inStorage, { config, signal }))
    : undefined;
  const onTarget = findings.of("target");
  const destinations = await onTarget.attempt(
    "queues",
    () => Promise.resolve(destinationsOf(config, manifest)),
  );
  if (destinations === undefined) return;
  const { client, isConnected } = await checkBroker(onTarget, {
    endpoint,
    needs: managementNeeds(config, "restore"),
    publishes: true,
    vhost: destinations[0]?.vhost ?? "/",
    signal,
  });
  if (!isConnected) return;
  await checkRights(onTarget, wantedRights(config, destinations), {
    endpoint,
    client,
    signal,
    createsVhosts: config.restore.create_missing_vhosts || config.restore.restore_definitions,
  });
  const stream = destinations.find(({ isStream }) => isStream);
  if (stream !== undefined) {
    await checkStreamPort(onTarget, { endpoint, vhost: stream.vhost, signal });
  }
}

/** The manifest of the backup that is named, if one is. */
async function readBackup(
  findings: AreaFindings,
  { config, signal }: { config: Config; signal: AbortSignal },
): Promise<Manifest | undefined> {
  const named = config.backup_id;
  if (named === undefined || isIdPattern(named)) return undefined;
  const storage = await openStorage(requireStorage(config), { signal });
  try {
    const id = named === LATEST ? await newestIn(storage) : named;
    const manifest = await loadManifest(storage, id);
    const shortfall = shortfallOf(manifest);
    if (shortfall === undefined) {
      findings.ok("backup", `Backup ${id} is there, with ${manifest.queues.length} queues`);
    } else {
      findings.warn("backup", shortfall, `describe --backup-id ${id} shows what is missing`);
    }
    return manifest;
  } finally {
    await storage.close();
  }
}

async function newestIn(storage: Awaited<ReturnType<typeof openStorage>>): Promise<string> {
  const finished = await listBackups(storage, { states: ["complete", "partial"] });
  const newest = finished.at(-1);
  if (newest !== undefined) return newest.backupId;
  throw new AppError("backup_not_found", `Cannot find a finished backup in ${storage.location}`, {
    hint: "rabbitmq-backup list shows what is there",
  });
}

/** Where messages go; without a backup, the vhosts that are named. */
function destinationsOf(config: Config, manifest: Manifest | undefined): Destination[] {
  const { restore } = config;
  const mapping = new RestoreMapping(restore);
  if (manifest === undefined) {
    const vhost = mapping.mapVhost(firstVhost(restore.queues.vhosts));
    return [{ vhost, name: NOBODYS, isStream: false }];
  }
  return selectQueues(manifest, restore.queues).map((entry) => ({
    ...mapping.mapQueue(entry),
    isStream: entry.stream !== undefined,
  }));
}

/** What a choice of `restore.user_id` makes of the tag impersonator. */
export function impersonationOf(choice: ForeignUserId): WantedRights["impersonate"] {
  if (choice === "keep") return "needed";
  return choice === "fail" ? "useful" : false;
}

function wantedRights(
  { restore }: Config,
  destinations: readonly Destination[],
): WantedRights[] {
  const isDirect = restore.publish_mode === "direct-to-queue";
  return [...Map.groupBy(destinations, ({ vhost }) => vhost)].map(([vhost, queues]) => ({
    vhost,
    queues: queues.map(({ name }) => name),
    read: false,
    configure: restore.create_missing_queues,
    publish: isDirect ? { purpose: "nothing can be restored", isVital: true } : undefined,
    impersonate: impersonationOf(restore.user_id),
  }));
}
