/** `restore.stream_offsets`: offsets mean something in one stream only, so each is named. */
import type { QueueEntry } from "../../archive/manifest.ts";
import { type OffsetWindow, parseOffsetWindow } from "../../config/offset_window.ts";
import { AppError } from "../../errors.ts";
import { quotedNames } from "../names.ts";

/** Windows by the streams they are for, as these are written: `name` or `vhost/name`. */
export type OffsetWindows = ReadonlyMap<string, OffsetWindow>;

/** A queue of the backup, as far as its offsets are concerned. */
export type OffsetQueue = Pick<QueueEntry, "vhost" | "name" | "queue_type" | "segments">;

/** Reads `restore.stream_offsets`, which the configuration has checked. */
export function offsetWindows(written: Readonly<Record<string, string>>): OffsetWindows {
  return new Map(
    Object.entries(written).map(([stream, window]) => [stream, parseOffsetWindow(window)]),
  );
}

/** The offsets that are wanted of a queue of the backup; undefined for all. */
export function windowOf(windows: OffsetWindows, queue: OffsetQueue): OffsetWindow | undefined {
  const key = keyOf(windows, queue);
  return key === undefined || !hasOffsets(queue) ? undefined : windows.get(key);
}

/**
 * Checks that each window is for one stream among those that are restored.
 *
 * @throws {AppError} `usage`
 */
export function assertOffsetNames(windows: OffsetWindows, entries: readonly OffsetQueue[]): void {
  for (const written of windows.keys()) {
    const named = entries.filter((entry) => keyOf(windows, entry) === written);
    const streams = named.filter(hasOffsets);
    if (streams.length === 1) continue;
    throw new AppError(
      "usage",
      `Cannot restore offsets of "${written}": ${whyNot(streams, named)}`,
      {
        hint: streams.length === 0
          ? "restore.stream_offsets (--stream-offsets) names streams of the backup: describe shows them " +
            "with their offsets"
          : "write vhost/name, or choose one with --vhost",
      },
    );
  }
}

/** Not of what the earlier tool has read of a stream. */
function hasOffsets({ queue_type, segments }: OffsetQueue): boolean {
  return queue_type === "stream" && segments.every(({ stream }) => stream !== undefined);
}

/** What names the queue with its vhost counts before what names it without. */
function keyOf(windows: OffsetWindows, { vhost, name }: OffsetQueue): string | undefined {
  return [`${vhost}/${name}`, name].find((key) => windows.has(key));
}

function whyNot(streams: readonly OffsetQueue[], named: readonly OffsetQueue[]): string {
  if (streams.length > 1) {
    return `offsets are of one stream, and ${streams.length} are meant: ${quotedNames(streams)}`;
  }
  const [other] = named;
  if (other === undefined) return "no queue that is restored has that name";
  return other.queue_type === "stream"
    ? "its backup, in the format of an earlier tool, has no offsets"
    : `it is a ${other.queue_type} queue, whose messages have no offsets`;
}
