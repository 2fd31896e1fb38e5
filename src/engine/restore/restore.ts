import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import { openRunStorage } from "../open_storage.ts";
import type { RunOptions } from "../backup/backup.ts";
import type { SummaryEvent } from "../events.ts";
import { restoreDefinitions } from "../definitions/restore_step.ts";
import { loadWhole } from "../stored/chain.ts";
import { Packer } from "../packing/packer.ts";
import { ProgressMeter } from "../progress.ts";
import { Handover } from "../handover/handover.ts";
import { Ahead } from "./ahead.ts";
import { claimRestore, peerOf, restoreKey } from "./claim.ts";
import { RestoreMapping } from "./mapping.ts";
import { selectorOf } from "./plan.ts";
import { readOutgoingRules } from "./outgoing_rules.ts";
import { Pauses } from "./pauses.ts";
import type { RestoreContext } from "./context.ts";
import { inOrder, restoreQueues } from "./queues.ts";
import { RateLimit, type Rates } from "./rate_limit.ts";
import { Reconnector } from "./reconnect.ts";
import { planRouting } from "./routing/plan_routing.ts";
import { connectionsOf, streamsOf, surveyRestore } from "./survey.ts";
import { isSent } from "./targets.ts";
import {
  tellDuplicates,
  tellNoneChosen,
  tellNotes,
  tellOtherTargets,
  tellUndelivered,
  tellWindow,
} from "./telling.ts";
import { storeUndelivered } from "./undelivered.ts";
import { createVhosts } from "./vhosts.ts";
import { clearFolder, lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";

/** Options of a restore. */
export interface RestoreRunOptions extends RunOptions {
  /** When it was called for; what times from now are seen from. */
  readonly now: Date;
  /** The person has seen the plan: what stands there is not told again. */
  readonly isPlanSeen?: boolean;
  /** Holds the run to a rate, and may be given others on the way. Default: what the configuration says. */
  readonly limit?: RateLimit;
}

/** The rates that a configuration asks for. */
export function ratesOf({ restore }: Pick<Config, "restore">): Rates {
  const { rate_limit_messages_per_sec: messages, rate_limit_bytes_per_sec: bytes } = restore;
  return { messages, bytes };
}

/**
 * Restores a backup into the target broker, or goes on with an interrupted restore of the same
 * backup into the same target.
 *
 * Throws an {@linkcode AppError} when the run cannot go on; confirmed messages are recorded, and the
 * same command goes on behind them.
 */
export async function runRestore(options: RestoreRunOptions): Promise<SummaryEvent> {
  const { config, backupId, emit } = options;
  const storage = await openRunStorage(options);
  try {
    // 1. The backup, and one process a run, here and on other machines.
    const isWanted = selectorOf(config.restore.queues);
    const manifest = await loadWhole(storage, backupId, isWanted);
    const key = restoreKey(config, { backupId, location: storage.location });
    const folder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(folder, key);
    // Segments that a killed restore had fetched.
    clearFolder(folder);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    await using handover = await Handover.begin({
      ...{ config, key, checkpoint, folder, emit, signal },
      breakLock: options.breakLock ?? false,
      peer: peerOf(manifest.created_at),
      onLost: (error) => abort.abort(error),
    });

    // 2. Definitions, when they are wanted; without them no messages.
    if (config.restore.restore_definitions) {
      await restoreDefinitions({ config, storage, manifest, emit, signal });
    }

    // 3. Where each queue goes.
    using meter = new ProgressMeter("restore", emit);
    await using connections = connectionsOf(config, signal);
    const streams = streamsOf(config, { emit, signal });
    const { run, choice: { selection } } = claimRestore(checkpoint, {
      config,
      key,
      createdAt: manifest.created_at,
      now: options.now.getTime(),
    });
    const mapping = new RestoreMapping(config.restore);
    const recorded = checkpoint.restores.queues(run.id);
    emit({ type: "step", message: "Looking at the target" });
    const isResumed = recorded.length > 0;
    if (!isResumed && !options.isPlanSeen) tellOtherTargets(checkpoint, { key, emit });
    if (isResumed) {
      emit({ type: "step", message: `Going on with the restore of ${backupId}` });
    }
    const survey = await surveyRestore({
      config,
      storage,
      manifest,
      selection,
      mapping,
      connections,
      streams,
      recorded,
      emit: options.isPlanSeen ? () => {} : emit,
      signal,
    });
    if (survey.refusal !== undefined) throw survey.refusal;
    if (!options.isPlanSeen) {
      tellWindow(selection, emit);
      tellNotes(survey, emit);
    }

    // 4. Through which exchanges, and how many messages come of it.
    if (config.restore.publish_mode === "exchange") {
      emit({ type: "step", message: "Counting what the bindings make of each message" });
    }
    const found = { config, storage, manifest, selection, mapping, connections, signal, ...survey };
    const routing = await planRouting(found);
    if (routing?.refusal !== undefined) throw routing.refusal;

    // 5. Missing vhosts, missing queues and their bindings, then messages.
    await createVhosts(survey.vhosts, { target: requireTarget(config), signal });
    const rules = await readOutgoingRules(found);
    const pauses = new Pauses();
    const reconnector = new Reconnector({
      seconds: config.restore.reconnect_secs,
      connect: (vhost) => connections.use(vhost, () => Promise.resolve()),
      emit,
      signal,
    });
    const ahead = new Ahead({
      ...{ checkpoint, run, targets: inOrder(survey.targets) },
      window: config.restore.window,
      intervalSeconds: config.offset_storage.sync_interval_secs,
    });
    await handover.start(run, ahead);
    ahead.copy = handover.copy;
    using packer = new Packer();
    const context: RestoreContext = {
      backupId,
      options: config.restore,
      selection,
      mapping,
      run,
      storage,
      checkpoint,
      connections,
      streams,
      packer,
      reconnector,
      ahead,
      limit: options.limit ?? new RateLimit(ratesOf(config)),
      rules,
      exchanges: routing?.routing,
      pauses,
      meter,
      emit,
      folder,
      signal,
    };
    const outcome = await restoreQueues(context, { ...survey, abort });
    await handover.assertHeld();

    // 6. What the target did not take is kept apart.
    const archives = await storeUndelivered({
      manifest,
      selection,
      storage,
      run,
      checkpoint,
      path: config.restore.undelivered_path,
      folder,
      signal,
    });
    tellUndelivered(archives, { mode: config.restore.publish_mode, emit });

    // 7. Done: a later restore of this backup starts anew. Not while a queue is half restored, be it
    // one that this call left out.
    const positions = checkpoint.restores.queues(run.id);
    const isHalf = positions.some((row) => isSent(row) && !row.done);
    if (outcome.failed === 0 && !isHalf) {
      checkpoint.runs.finish(run.id);
      await handover.finish();
    }
    clearFolder(folder);
    meter.send();
    tellDuplicates(positions, emit);
    tellNoneChosen(outcome, emit);
    const undelivered = archives.reduce((sum, { messages }) => sum + messages, 0);
    return {
      type: "summary",
      operation: "restore",
      backupId,
      location: storage.location,
      target: requireTarget(config).amqp_url.address,
      outcome: outcome.failed + outcome.skipped + undelivered > 0 ? "partial" : "ok",
      queuesOk: outcome.ok,
      queuesSkipped: outcome.skipped,
      queuesFailed: outcome.failed,
      messages: outcome.messages,
      ...isResumed ? { inAll: inAll(positions) } : {},
      bytes: outcome.bytes,
      seconds: meter.seconds,
      possibleDuplicates: positions.reduce((sum, { resent }) => sum + resent, 0),
      messagesLeftOut: outcome.leftOut,
      undelivered,
      ...(archives.length === 0 ? {} : {
        undeliveredBackups: archives.map((archive) => archive.backupId),
        undeliveredLocation: archives[0]!.location,
      }),
      ...(routing === undefined
        ? {}
        : { copies: outcome.copies, unsureCopies: outcome.unsureCopies }),
      reconnects: reconnector.outages,
      pausedSeconds: pauses.seconds,
    };
  } finally {
    await storage.close();
  }
}

/** What the target has and has not taken, with the runs before this one. */
function inAll(positions: readonly RestoreQueueRow[]): { messages: number; undelivered: number } {
  const undelivered = positions.reduce((sum, row) => sum + (row.undelivered ?? 0), 0);
  const confirmed = positions.reduce((sum, row) => sum + row.confirmed, 0);
  return { messages: confirmed - undelivered, undelivered };
}
