import { join } from "node:path";
import type { QueueEntry } from "../../archive/manifest.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { requireTarget, type RestoreOptions } from "../../config/config.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { planDefinitions } from "../definitions/restore_step.ts";
import type { Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";
import { takeFoundCopy } from "../handover/found_copy.ts";
import { openRunStorage } from "../open_storage.ts";
import { loadWhole } from "../stored/chain.ts";
import type {
  PlannedFanout,
  PlannedRestoreQueue,
  RestoreEstimate,
  RestorePlan,
} from "../plan_types.ts";
import { newChoice, type RestoreChoice } from "./choice.ts";
import { findRestore, peerOf, type RestoreCall, restoreKey } from "./claim.ts";
import { RestoreMapping } from "./mapping.ts";
import { selectorOf } from "./plan.ts";
import type { RestoreRunOptions } from "./restore.ts";
import { type FanoutPlan, totalsOf } from "./routing/fanout.ts";
import { planRouting } from "./routing/plan_routing.ts";
import { connectionsOf, streamsOf, surveyRestore } from "./survey.ts";
import type { TimeWindow } from "./selection.ts";
import type { Target } from "./targets.ts";
import { tellOtherTargets } from "./telling.ts";
import { shortfallOf } from "../stored/shortfall.ts";

/** What a restore is taken to do in a second: assumed on the cautious side, not measured. */
const ASSUMED_MESSAGES = 10_000;
const ASSUMED_BYTES = 20_000_000;

/** What `runRestore` would do; changes nothing. */
export async function planRestore(options: RestoreRunOptions): Promise<RestorePlan> {
  const { config, backupId, emit, signal } = options;
  const storage = await openRunStorage(options);
  try {
    const { location } = storage;
    const isWanted = selectorOf(config.restore.queues);
    const manifest = await loadWhole(storage, backupId, isWanted);
    const call = {
      config,
      key: restoreKey(config, { backupId, location }),
      createdAt: manifest.created_at,
      now: options.now.getTime(),
    };
    const { choice, recorded } = await recordedBefore(call, { storage, emit, signal });
    const { restore_definitions, definitions_dry_run } = config.restore;
    const definitions = restore_definitions || definitions_dry_run
      ? await planDefinitions({ config, storage, manifest, emit, signal })
      : undefined;
    await using connections = connectionsOf(config, signal);
    const { selection } = choice;
    const mapping = new RestoreMapping(config.restore);
    const context = { config, storage, manifest, selection, mapping, connections, signal };
    const survey = await surveyRestore({
      ...context,
      streams: streamsOf(config, { emit, signal }),
      recorded,
      coming: vhostsToCome(definitions),
      emit,
    });
    const { targets, vhosts, notes } = survey;
    // What the definitions would bring decides where messages go; it is not there to be asked yet.
    const isUnrouted = bringsRoutes(definitions);
    if (isUnrouted && config.restore.publish_mode === "exchange") {
      const message = "Where messages go is not known before the definitions are there";
      emit({ type: "warning", message, hint: "import them first: definitions-import" });
    }
    const routing = survey.refusal === undefined && !isUnrouted
      ? await planRouting({ ...context, ...survey })
      : undefined;
    const refusal = survey.refusal ?? routing?.refusal;
    const warning = shortfallOf(manifest);
    const queues = targets.map((target) => planned(target, notes.get(target)));
    return {
      backupId,
      location,
      target: { address: requireTarget(config).amqp_url.address },
      ...(refusal === undefined ? {} : { refused: refusal }),
      ...(warning === undefined ? {} : { warning }),
      ...(definitions === undefined ? {} : { definitions }),
      ...windowOf(selection.timeWindow),
      ...(routing === undefined ? {} : { fanout: plannedFanout(routing.fanout) }),
      createdVhosts: refusal === undefined ? vhosts : [],
      queues,
      estimate: estimateOf(refusal === undefined ? queues : [], config.restore),
    };
  } finally {
    await storage.close();
  }
}

function bringsRoutes(definitions: ImportReport | undefined): boolean {
  const kinds = ["vhosts", "queues", "exchanges", "bindings"];
  return definitions?.created.some(({ kind }) => kinds.includes(kind)) ?? false;
}

function vhostsToCome(definitions: ImportReport | undefined): Set<string> {
  const created = definitions?.created.filter(({ kind }) => kind === "vhosts") ?? [];
  return new Set(created.map(({ name }) => name));
}

/** By this machine, or by another one that left its progress in the storage. */
async function recordedBefore(
  call: RestoreCall,
  tools: { storage: Storage; emit: EventSink; signal: AbortSignal },
): Promise<{ choice: RestoreChoice; recorded: RestoreQueueRow[] }> {
  using local = CheckpointStore.openToRead(call.config.offset_storage.db_path);
  using others = CheckpointStore.open(":memory:");
  const folder = await Deno.makeTempDir({ prefix: "rabbitmq-backup-" });
  try {
    const isAhead = await takeFoundCopy({
      ...{ ...call, ...tools, local, into: others, path: join(folder, "progress.db") },
      peer: peerOf(call.createdAt),
    });
    const checkpoint = isAhead ? others : local;
    if (checkpoint === undefined) {
      return { choice: newChoice(call.config.restore, call.now), recorded: [] };
    }
    const { run, choice } = findRestore(checkpoint, call);
    if (run === undefined) tellOtherTargets(checkpoint, { key: call.key, emit: tools.emit });
    return { choice, recorded: run === undefined ? [] : checkpoint.restores.queues(run.id) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function windowOf(window: TimeWindow | undefined): Pick<RestorePlan, "timeWindow"> {
  if (window === undefined) return {};
  const { start, end, field } = window;
  return {
    timeWindow: {
      field,
      ...(Number.isFinite(start) ? { start } : {}),
      ...(Number.isFinite(end) ? { end } : {}),
    },
  };
}

function plannedFanout(plan: FanoutPlan): PlannedFanout {
  const { multiplied: _, ...totals } = totalsOf(plan);
  return {
    ...totals,
    accordingTo: plan.origin,
    notes: plan.notes,
    exchanges: plan.exchanges.map(({ multiplied: _, ...row }) => row),
  };
}

function planned(
  { entry, destination, share, action, depth, position, reason, hint }: Target,
  notes: readonly string[] = [],
): PlannedRestoreQueue {
  const told = [...notes, ...chainNote(entry)];
  const before = action === "use" ? position.confirmed : 0;
  const held = action === "use" && before === 0 ? depth : 0;
  const isMoved = entry.vhost !== destination.vhost || entry.name !== destination.name;
  return {
    vhost: entry.vhost,
    queue: entry.name,
    queueType: entry.queue_type,
    messages: entry.message_count,
    action,
    ...(isMoved ? { destination: { vhost: destination.vhost, queue: destination.name } } : {}),
    atLeast: share.atLeast,
    atMost: share.atMost,
    segments: share.segments.length,
    bytesStored: share.segments.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
    bytes: share.segments.reduce((sum, { uncompressed_bytes }) => sum + uncompressed_bytes, 0),
    ...(told.length === 0 ? {} : { notes: told }),
    ...(held === 0 ? {} : { held }),
    ...(before === 0 ? {} : { restoredBefore: before }),
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Where a stream's messages are, when it is not one backup that has them. */
function chainNote({ stream, segments }: QueueEntry): string[] {
  if (stream?.base === undefined) return [];
  const backups = new Set(segments.map(({ key }) => key.split("/", 1)[0]!));
  return [`its messages are in a chain of backups: ${[...backups].join(", ")}`];
}

function estimateOf(
  queues: readonly PlannedRestoreQueue[],
  { rate_limit_messages_per_sec, rate_limit_bytes_per_sec }: RestoreOptions,
): RestoreEstimate {
  const assumedMessages = Math.min(ASSUMED_MESSAGES, rate_limit_messages_per_sec ?? Infinity);
  const assumedBytes = Math.min(ASSUMED_BYTES, rate_limit_bytes_per_sec ?? Infinity);
  const filled = queues.filter(({ action }) => action !== "skip");
  const messages = filled.reduce(
    (sum, { atMost, restoredBefore = 0 }) => sum + atMost - restoredBefore,
    0,
  );
  const bytes = filled.reduce((sum, queue) => sum + queue.bytes, 0);
  return {
    seconds: Math.ceil(Math.max(messages / assumedMessages, bytes / assumedBytes)),
    assumedMessages,
    assumedBytes,
  };
}
