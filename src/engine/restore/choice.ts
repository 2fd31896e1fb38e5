import type { RestoreOptions } from "../../config/config.ts";
import { parseTimePoint, resolveTimePoint } from "../../config/time_point.ts";
import { AppError } from "../../errors.ts";
import { offsetWindows } from "./offset_windows.ts";
import type { MessageSelection, TimeWindow } from "./selection.ts";

/**
 * The keys of `restore` that say what of a queue is taken and where it goes. Which queues may change: how
 * far each one is stands for itself.
 */
const KEYS = [
  "time_window_start",
  "time_window_end",
  "time_window_field",
  "messages",
  "stream_offsets",
  "stream_origin_annotations",
  "max_messages_per_queue",
  "vhost_mapping",
  "queue_mapping",
  "exchange_mapping",
  "publish_mode",
] as const satisfies readonly (keyof RestoreOptions)[];

/** What a restore takes, and where it goes: fixed when it begins, the same when it is gone on with. */
export interface RestoreChoice {
  readonly selection: MessageSelection;
  /** As the checkpoint keeps it; {@linkcode resumedChoice} reads it. */
  readonly recorded: string;
}

/** What {@linkcode RestoreChoice.recorded} holds, as JSON. */
interface Recorded {
  readonly window: { readonly start: number | null; readonly end: number | null };
  readonly keys: Readonly<Record<string, unknown>>;
}

/**
 * The choice of a new restore; times from now are seen from `now`, epoch milliseconds.
 *
 * @throws {AppError} `usage` when the time window ends before it starts.
 */
export function newChoice(restore: RestoreOptions, now: number): RestoreChoice {
  const resolve = (written: string | number | undefined) =>
    written === undefined ? null : resolveTimePoint(parseTimePoint(written), now);
  const window = {
    start: resolve(restore.time_window_start),
    end: resolve(restore.time_window_end),
  };
  if (window.start !== null && window.end !== null && window.end < window.start) {
    throw new AppError(
      "usage",
      `Cannot restore: the time window ends (${iso(window.end)}) before it starts ` +
        `(${iso(window.start)})`,
      { hint: "change restore.time_window_start or restore.time_window_end" },
    );
  }
  return choiceOf(restore, { window, keys: keysOf(restore) });
}

/**
 * The choice of a restore that is gone on with, as it was recorded; "" is one of before choices were
 * recorded, which took all messages.
 *
 * @throws {AppError} `refused` when the configuration says something else by now.
 */
export function resumedChoice(
  restore: RestoreOptions,
  options: { recorded: string; now: number; backupId: string },
): RestoreChoice {
  const { recorded, now, backupId } = options;
  if (recorded === "") {
    const wanted = newChoice(restore, now);
    const { timeWindow, limit, filter } = wanted.selection;
    const isAll = timeWindow === undefined && limit === Infinity &&
      wanted.selection.offsets.size === 0 &&
      Object.values(filter).every(({ length }) => length === 0) &&
      ["vhost_mapping", "queue_mapping"].every((key) =>
        Object.keys(restore[key as "queue_mapping"]).length === 0
      );
    if (isAll) return wanted;
    throw otherChoice(backupId, ["what is restored, and where to"]);
  }
  const known = JSON.parse(recorded) as Recorded;
  const keys = keysOf(restore);
  const differing = KEYS.filter((key) =>
    key in known.keys && JSON.stringify(known.keys[key]) !== JSON.stringify(keys[key])
  );
  if (differing.length > 0) throw otherChoice(backupId, differing.map((key) => `restore.${key}`));
  return choiceOf(restore, known);
}

function choiceOf(restore: RestoreOptions, recorded: Recorded): RestoreChoice {
  const { window: { start, end } } = recorded;
  const timeWindow: TimeWindow | undefined = start === null && end === null ? undefined : {
    start: start ?? -Infinity,
    end: end ?? Infinity,
    field: restore.time_window_field,
  };
  const selection: MessageSelection = {
    timeWindow,
    offsets: offsetWindows(restore.stream_offsets),
    filter: restore.messages,
    limit: restore.max_messages_per_queue ?? Infinity,
  };
  return { selection, recorded: JSON.stringify(recorded) };
}

/** `null` for what is not set, which JSON keeps. */
function keysOf(restore: RestoreOptions): Record<string, unknown> {
  return Object.fromEntries(KEYS.map((key) => [key, restore[key] ?? null]));
}

function otherChoice(backupId: string, differing: readonly string[]): AppError {
  const verb = differing.length === 1 ? "differs" : "differ";
  return new AppError(
    "refused",
    `Cannot go on with the restore of "${backupId}" into this target: it was begun with another ` +
      `choice (${differing.join(", ")} ${verb})`,
    {
      hint: "give the choice that it was begun with, and it goes on; for another one set " +
        "offset_storage.db_path (--db-path) to a new file and s3_key (--s3-key) to a new key, which " +
        "know nothing of what is there",
    },
  );
}

const iso = (epochMs: number): string => new Date(epochMs).toISOString();
