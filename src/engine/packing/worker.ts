/// <reference lib="deno.worker" />
/**
 * Compresses spooled records in a thread of its own, so that the thread which reads from the broker
 * never waits for it: messages are held no longer because others are being packed.
 */
import { AppError, messageOf } from "../../errors.ts";
import { runPackJob } from "./job.ts";
import type { PackReply, PackRequest, PackResult } from "./protocol.ts";

/** What most pieces fit into, so that their memory serves for all. */
const PIECE_BYTES = 256 * 1024;

const jobs = new Map<number, AsyncGenerator<Uint8Array, PackResult>>();

self.onmessage = async ({ data: request }: MessageEvent<PackRequest>) => {
  const { id } = request;
  if (request.type === "start") {
    jobs.set(id, runPackJob(request.job));
    return;
  }
  const job = jobs.get(id);
  if (job === undefined) return;
  if (request.type === "stop") {
    jobs.delete(id);
    // Waits for a `next` that is under way; what that still throws has no one to hear it.
    await job.return(undefined as never).catch(() => {});
    return;
  }
  try {
    const { value, done } = await job.next();
    if (!done) return replyBytes(id, value, request.spare);
    jobs.delete(id);
    reply({ type: "end", id, result: value });
  } catch (error) {
    jobs.delete(id);
    const known = error instanceof AppError ? error : undefined;
    reply({
      type: "error",
      id,
      code: known?.code ?? "failed",
      message: known?.message ?? `Cannot pack spooled messages: ${messageOf(error)}`,
      hint: known?.hint,
    });
  }
};

function reply(message: PackReply): void {
  self.postMessage(message);
}

/** The piece is copied into memory that is moved to the other thread, and comes back with `next`. */
function replyBytes(id: number, piece: Uint8Array, spare: ArrayBuffer | undefined): void {
  const size = Math.max(piece.length, PIECE_BYTES);
  const buffer = spare !== undefined && spare.byteLength >= size ? spare : new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer, 0, piece.length);
  bytes.set(piece);
  self.postMessage({ type: "bytes", id, bytes } satisfies PackReply, [buffer]);
}
