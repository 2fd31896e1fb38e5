/// <reference lib="deno.worker" />
/**
 * Compresses spooled records in a thread of its own, so that the thread which reads from the broker
 * never waits for it: messages are held no longer because others are being packed.
 */
import { AppError, messageOf } from "../errors.ts";
import { packQueue } from "./pack_queue.ts";
import type { PackReply, PackRequest, PackStep } from "./pack_protocol.ts";

const jobs = new Map<number, AsyncGenerator<PackStep>>();

self.onmessage = async ({ data }: MessageEvent<PackRequest>) => {
  if (data.type === "start") {
    jobs.set(data.id, packQueue(data.job));
    return;
  }
  const job = jobs.get(data.id);
  if (job === undefined) return;
  if (data.type === "stop") {
    jobs.delete(data.id);
    await job.return(undefined);
    return;
  }
  try {
    const { value, done } = await job.next();
    if (done) jobs.delete(data.id);
    reply({ type: "step", id: data.id, step: done ? undefined : value });
  } catch (error) {
    jobs.delete(data.id);
    const known = error instanceof AppError ? error : undefined;
    reply({
      type: "error",
      id: data.id,
      code: known?.code ?? "failed",
      message: known?.message ?? `Cannot pack spooled messages: ${messageOf(error)}`,
      hint: known?.hint,
    });
  }
};

function reply(message: PackReply): void {
  if (message.type !== "step" || message.step?.type !== "bytes") {
    self.postMessage(message);
    return;
  }
  // Moved, not copied; a view of a larger buffer is copied first, as others may have views of it.
  const { bytes } = message.step;
  const own = bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
  self.postMessage({ ...message, step: { type: "bytes", bytes: own } }, [
    own.buffer as ArrayBuffer,
  ]);
}
