import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import type { Transform } from "node:stream";
import { AppError, messageOf } from "../errors.ts";
import type { Compression } from "./layout.ts";
import { lz4Blocks, lz4Single, unpackLz4Blocks, unpackLz4Single } from "./lz4_stream.ts";

/** Smaller pieces cost more in calls than in bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Options of {@linkcode compress}. */
export interface CompressOptions {
  compression: Compression;
  /** zstd level, 1 to 22; other codecs have none. */
  level?: number | undefined;
  /** Format version of the file: it decides how lz4 blocks are framed. 2 unless told otherwise. */
  formatVersion?: 1 | 2;
  /** Yield all pieces in the same memory, each valid until the next is asked for. */
  reuseMemory?: boolean;
}

/** Options of {@linkcode decompress}. */
export interface DecompressOptions {
  compression: Compression;
  formatVersion?: 1 | 2;
  /** The result may not be longer, in bytes. */
  maxBytes?: number;
  /** A piece is valid until the next is asked for, and its memory is freed then. */
  reuseMemory?: boolean | undefined;
}

/**
 * Compresses a stream in bounded memory; pieces of 64 KiB to 1 MiB where there is that much. The
 * source may use the memory of a piece again once it is asked for the next.
 */
export async function* compress(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: CompressOptions,
): AsyncGenerator<Uint8Array> {
  const pieces = gathered(source, { reuseMemory: true });
  if (options.compression === "none") {
    for await (const piece of pieces) yield options.reuseMemory ? piece : piece.slice();
  } else if (options.compression === "zstd") {
    const level = { [constants.ZSTD_c_compressionLevel]: options.level ?? 3 };
    const transform = createZstdCompress({ chunkSize: CHUNK_BYTES, params: level });
    yield* gathered(through(transform, pieces, options), options);
  } else {
    const blocks = options.formatVersion === 1 ? lz4Single(pieces) : lz4Blocks(pieces);
    yield* gathered(blocks, options);
  }
}

/**
 * Decompresses a stream in bounded memory, whatever it expands to.
 *
 * @throws {AppError} `damaged` when the codec finds it to be, or it gets longer than `maxBytes`.
 *   A zstd frame that merely ends early is not noticed here.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array> {
  const maxBytes = options.maxBytes ?? Number.MAX_SAFE_INTEGER;
  let size = 0;
  for await (const piece of decompressed(source, options)) {
    size += piece.length;
    if (size > maxBytes) throw damaged(`it unpacks to more than the ${maxBytes} bytes it claims`);
    yield piece;
  }
}

function decompressed(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncIterable<Uint8Array> {
  if (options.compression === "none") return source;
  if (options.compression === "zstd") {
    return through(createZstdDecompress({ chunkSize: CHUNK_BYTES }), source, options);
  }
  return options.formatVersion === 1 ? unpackLz4Single(source) : unpackLz4Blocks(source);
}

/** Merges small pieces; what is at least `CHUNK_BYTES` long passes as it is, uncopied. */
async function* gathered(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { reuseMemory?: boolean },
): AsyncGenerator<Uint8Array> {
  let buffer = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for await (const piece of source) {
    if (filled + piece.length > buffer.length && filled > 0) {
      yield buffer.subarray(0, filled);
      if (!options.reuseMemory) buffer = new Uint8Array(CHUNK_BYTES);
      filled = 0;
    }
    if (piece.length >= CHUNK_BYTES) yield piece;
    else {
      buffer.set(piece, filled);
      filled += piece.length;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

/**
 * Sends a source through a transform, as fast as its output is taken. With `reuseMemory` a piece is
 * valid until the next is asked for, and then freed: left to the garbage collector, tens of MB of them
 * would pile up in each thread.
 */
async function* through(
  transform: Transform,
  source: AsyncIterable<Uint8Array>,
  { reuseMemory = false }: { reuseMemory?: boolean | undefined },
): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const feeding = (async () => {
    try {
      for await (const piece of source) {
        if (transform.destroyed) return;
        await written(transform, piece);
      }
      transform.end();
    } catch (error) {
      sourceError = error;
      transform.destroy();
    }
  })();
  try {
    // As a plain Uint8Array: the methods of a Buffer are slower, and its slice() is a view.
    for await (const { buffer, byteOffset, length } of transform as AsyncIterable<Uint8Array>) {
      yield new Uint8Array(buffer, byteOffset, length);
      // Before its end, the transform goes on writing into the same memory.
      const isFull = byteOffset + length === buffer.byteLength;
      if (reuseMemory && isFull && buffer instanceof ArrayBuffer) buffer.transfer(0);
    }
  } catch (error) {
    if (sourceError === undefined) throw damaged(messageOf(error), error);
  } finally {
    transform.destroy();
    await feeding;
  }
  if (sourceError !== undefined) throw sourceError;
}

/** Resolves when the transform is done with the piece, or has been destroyed. */
function written(transform: Transform, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      transform.off("close", done);
      resolve();
    };
    transform.on("close", done);
    transform.write(piece, done);
  });
}

function damaged(what: string, cause?: unknown): AppError {
  return new AppError("damaged", `Cannot decompress: ${what}`, { cause });
}
