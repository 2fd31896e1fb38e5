/** What a plan tells of streams, and of queues that become streams. */
import type { RestoreOptions } from "../../config/config.ts";
import { windowOf } from "./offset_windows.ts";
import type { MessageSelection } from "./selection.ts";
import type { Target } from "./targets.ts";

/** For people; empty where all goes back as it was. */
export function streamNotes(
  { entry, isLog, declaration }: Target,
  { selection, restore }: { selection: MessageSelection; restore: RestoreOptions },
): string[] {
  const window = windowOf(selection.offsets, entry);
  const isStream = entry.queue_type === "stream";
  const becomesStream = !isStream && declaration?.queueType === "stream";
  return [
    ...window === undefined ? [] : [
      Number.isFinite(window.last)
        ? `only offsets ${window.first} to ${window.last}`
        : `only offsets from ${window.first} on`,
    ],
    ...entry.stream === undefined || isLog ? [] : [
      "its messages become messages of AMQP 0-9-1: delivery annotations, and the bounds of several " +
      "data sections, are lost; types and properties that it lacks are kept in headers x-amqp-1.0-…; " +
      "offsets of consumers mean nothing there",
    ],
    ...becomesStream
      ? ["the broker makes its messages AMQP 1.0: see docs/streams.md for what that changes"]
      : [],
    ...restore.stream_origin_annotations && isLog
      ? ["batches are published one by one, with annotations of where each message stood"]
      : [],
  ];
}
