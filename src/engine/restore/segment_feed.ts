import { messagesIn, type SegmentEntry } from "../../archive/manifest.ts";
import type { Storage } from "../../storage/storage.ts";
import { type FetchedSegment, fetchSegment } from "../stored/segment_fetch.ts";

/** Options of {@linkcode openedSegments}. */
export interface SegmentFeedOptions {
  readonly storage: Storage;
  /** Folder for fetched segments. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/**
 * Segments one after the other, each whole and checked on the local disk; the next is fetched while one
 * is in use. A segment is gone when the next is asked for.
 */
export async function* openedSegments(
  segments: readonly SegmentEntry[],
  { storage, ...options }: SegmentFeedOptions,
): AsyncGenerator<FetchedSegment> {
  const fetch = (index: number) =>
    segments[index] === undefined
      ? undefined
      : caught(fetchSegment(storage, segments[index], options));
  let next = fetch(0);
  try {
    for (let index = 0; next !== undefined; index++) {
      await using segment = await unwrap(next);
      next = fetch(index + 1);
      yield segment;
    }
  } finally {
    // Fetched ahead and not used.
    const ahead = await next;
    if (ahead !== undefined && "segment" in ahead) await ahead.segment[Symbol.asyncDispose]();
  }
}

/** The segments that hold what comes behind the first `count` messages, and how many to skip in them. */
export function behind<Segment extends Pick<SegmentEntry, "record_count" | "stream">>(
  segments: readonly Segment[],
  count: number,
): { segments: readonly Segment[]; skip: number } {
  let skip = count;
  let first = 0;
  // Leading ones only: a later one may be shorter than what is left to skip, and is to be published.
  for (; first < segments.length && skip >= messagesIn(segments[first]!); first++) {
    skip -= messagesIn(segments[first]!);
  }
  return { segments: segments.slice(first), skip };
}

type Caught = { segment: FetchedSegment } | { error: unknown };

/** Keeps an early failure until someone asks for it. */
function caught(fetching: Promise<FetchedSegment>): Promise<Caught> {
  return fetching.then((segment) => ({ segment }), (error: unknown) => ({ error }));
}

async function unwrap(fetching: Promise<Caught>): Promise<FetchedSegment> {
  const result = await fetching;
  if ("error" in result) throw result.error;
  return result.segment;
}
