import { join } from "node:path";
import type { SegmentEntry } from "../../archive/manifest.ts";
import { checkSegment, expectedOf, openSegment } from "../../archive/segment.ts";
import { AppError } from "../../errors.ts";
import type { Packer } from "../packing/packer.ts";
import { ObjectMissingError, type Storage } from "../../storage/storage.ts";
import { readSpooled, spoolError } from "../spool/spool.ts";

/** A segment on the local disk, its size and SHA-256 found to be the manifest's. */
export interface FetchedSegment extends AsyncDisposable {
  /** One pass over its records, as `openSegment` gives them. */
  records(): AsyncGenerator<Uint8Array>;
  /** The same, unpacked by another thread. */
  recordsFrom(packer: Packer): AsyncGenerator<Uint8Array>;
}

/**
 * Brings a segment to the local disk and holds it against the manifest, so that no message of a
 * damaged one is published, and the network to the storage may fail without a half-read segment.
 */
export async function fetchSegment(
  storage: Storage,
  segment: SegmentEntry,
  options: { folder: string; signal: AbortSignal },
): Promise<FetchedSegment> {
  const path = join(options.folder, `fetched-${crypto.randomUUID()}`);
  const expected = expectedOf(segment);
  const dispose = () => Deno.remove(path).catch(() => {});
  try {
    const stored = storage.get(segment.key, { reuseMemory: true, signal: options.signal });
    await checkSegment(savedTo(path, stored), { name: segment.key, expected });
  } catch (error) {
    await dispose();
    throw damagedSegment(error, segment.key);
  }
  return {
    records: () =>
      openSegment(readSpooled(path, { reuseBuffer: false }), { name: segment.key, expected })
        .records(),
    recordsFrom: (packer) => packer.unpack({ path, name: segment.key, expected }),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Says what can be done about a segment that is missing, or not what was stored. */
export function damagedSegment(error: unknown, key: string): unknown {
  const hint =
    "validate --deep shows all that is damaged; with the segment back from a copy, the " +
    "same command goes on";
  if (error instanceof ObjectMissingError) {
    const message = `Cannot read segment ${JSON.stringify(key)}: it is missing`;
    return new AppError("damaged", message, { hint, cause: error });
  }
  if (!(error instanceof AppError) || error.code !== "damaged") return error;
  return new AppError("damaged", error.message, { hint: error.hint ?? hint, cause: error.cause });
}

/** Passes a stream on and writes it to a file on the way. */
async function* savedTo(
  path: string,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  using file = await opened(path);
  for await (const chunk of source) {
    try {
      for (let offset = 0; offset < chunk.length;) {
        offset += await file.write(chunk.subarray(offset));
      }
    } catch (error) {
      throw spoolError(path, error);
    }
    yield chunk;
  }
}

async function opened(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  } catch (error) {
    throw spoolError(path, error);
  }
}
