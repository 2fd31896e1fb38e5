import type { Manifest } from "../../archive/manifest.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import type { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import { queueKey } from "../queue_key.ts";
import { streamConnector } from "../stream/survey.ts";
import { StreamTargets } from "../stream/targets.ts";
import { shortfallOf } from "../stored/shortfall.ts";
import { type Bindings, bindingsOf } from "./bindings.ts";
import { readIfWhole } from "./definitions.ts";
import type { RestoreMapping } from "./mapping.ts";
import { selectQueues, sourcesOf, withDefinedArguments } from "./plan.ts";
import { policyNotes } from "./policies.ts";
import { streamNotes } from "./stream_notes.ts";
import type { MessageSelection } from "./selection.ts";
import { planTargets, refusalOf, type Target } from "./targets.ts";
import { missingVhosts, vhostRefusal } from "./vhosts.ts";

/** All that is known before a restore touches the target; a dry run ends here. */
export interface RestoreSurvey {
  readonly targets: readonly Target[];
  readonly bindings: Bindings;
  /** Vhosts that are to be created. */
  readonly vhosts: readonly string[];
  /** What a person should know of queues, in the order of `targets`. */
  readonly notes: ReadonlyMap<Target, readonly string[]>;
  /** Why nothing is to be restored. */
  readonly refusal: AppError | undefined;
}

/** What {@linkcode surveyRestore} goes by. */
export interface SurveyOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly manifest: Manifest;
  readonly selection: MessageSelection;
  readonly mapping: RestoreMapping;
  readonly connections: ConnectionPool;
  readonly streams: StreamConnector;
  /** What the run that is gone on with has recorded. */
  readonly recorded: readonly RestoreQueueRow[];
  /** Vhosts that the definitions create before; a dry run misses them. */
  readonly coming?: ReadonlySet<string>;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** Looks at the backup and at the target, and decides what to do with each queue. */
export async function surveyRestore(options: SurveyOptions): Promise<RestoreSurvey> {
  const { config: { restore }, storage, manifest, mapping, connections, emit, signal } = options;
  tellShortfall(manifest, emit);
  // 1. What goes where.
  const entries = await withDefinedArguments(storage, {
    manifest,
    entries: selectQueues(manifest, restore.queues),
  });
  const sources = sourcesOf(entries, options);
  for (const message of mapping.unused()) emit({ type: "warning", message });
  if (restore.publish_mode === "direct-to-queue" && mapping.hasExchanges) {
    const message = "restore.exchange_mapping has no effect with publish_mode: direct-to-queue";
    emit({ type: "warning", message });
  }

  // 2. What there is.
  const vhosts = new Set(sources.map(({ destination }) => destination.vhost));
  const missing = await missingVhosts(vhosts, { connections, signal });
  const targets = await planTargets(sources, {
    restore,
    connections,
    positions: new Map(options.recorded.map((row) => [queueKey(row), row])),
    missingVhosts: new Set(missing.keys()),
    streams: new StreamTargets(options.streams, options.selection),
    signal,
  });

  options.coming?.forEach((vhost) => missing.delete(vhost));

  // 3. What comes with it.
  const refusal = restore.create_missing_vhosts ? undefined : vhostRefusal(missing);
  const refused = refusal ?? refusalOf(targets, restore);
  const filled = refused === undefined ? targets : [];
  const bindings = await bindingsOf(filled, { manifest, storage, emit });
  const notes = await notesOf(filled, options);
  return { targets, bindings, vhosts: [...missing.keys()], notes, refusal: refused };
}

async function notesOf(
  targets: readonly Target[],
  { manifest, storage, config, selection, signal }: SurveyOptions,
): Promise<Map<Target, readonly string[]>> {
  const created = targets.filter(({ action }) => action === "create");
  // Definitions that come first bring the policies, and say themselves what is not as it was.
  const isBrought = config.restore.restore_definitions || config.restore.definitions_dry_run;
  // That they are damaged has been said for the bindings.
  const stored = created.length === 0 || isBrought
    ? undefined
    : await readIfWhole(storage, manifest);
  const policies = await policyNotes(created, {
    policies: stored?.policies ?? [],
    target: requireTarget(config),
    signal,
  });
  const notes = targets.filter(({ action }) => action !== "skip").map((target) => {
    const { entry, destination, declaration } = target;
    const policy = policies.get(target);
    const isCreated = declaration !== undefined;
    const texts = [
      ...declaration?.changes ?? [],
      ...isCreated && isRenamed({ entry, destination })
        ? ["created under another name, and so without bindings"]
        : [],
      ...policy === undefined ? [] : [policy],
      ...streamNotes(target, { selection, restore: config.restore }),
    ];
    return [target, texts] as const;
  });
  return new Map(notes.filter(([, texts]) => texts.length > 0));
}

/** Whether the queue gets another name; another vhost is another place for the same. */
function isRenamed({ entry, destination }: Pick<Target, "entry" | "destination">): boolean {
  return entry.name !== destination.name;
}

function tellShortfall(manifest: Manifest, emit: EventSink): void {
  const message = shortfallOf(manifest);
  if (message === undefined) return;
  const hint = `describe --backup-id ${manifest.backup_id} shows what is missing, and why`;
  emit({ type: "warning", message, hint });
}

export function connectionsOf(config: Config, signal: AbortSignal): ConnectionPool {
  return new ConnectionPool(requireTarget(config), "rabbitmq-backup restore", { signal });
}

export function streamsOf(
  config: Config,
  { emit, signal }: { emit: EventSink; signal: AbortSignal },
): StreamConnector {
  return streamConnector(requireTarget(config), { name: "rabbitmq-backup restore", emit, signal });
}
