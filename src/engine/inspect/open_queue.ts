import type { Config } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { openRunStorage } from "../open_storage.ts";
import { queueKey } from "../queue_key.ts";
import { loadWhole } from "../stored/chain.ts";
import { type InspectedPart, type InspectOptions, readStored } from "./read_messages.ts";

/** A queue of a backup that is looked into; its storage is open until it is closed. */
export interface OpenQueue {
  /** Messages in it, of a stream with all that it stands on. */
  readonly total: number;
  read(options: InspectOptions): AsyncGenerator<InspectedPart>;
  close(): Promise<void>;
}

/**
 * Opens a queue of a backup.
 *
 * @throws {AppError} as `loadWhole`; `usage` when there is no such queue in it
 */
export async function openQueue(
  config: Config,
  { backupId, queue, signal }: {
    backupId: string;
    queue: { readonly vhost: string; readonly name: string };
    signal: AbortSignal;
  },
): Promise<OpenQueue> {
  const storage = await openRunStorage({ config, signal, emit: () => {} });
  try {
    const key = queueKey(queue);
    const { queues } = await loadWhole(storage, backupId, (one) => queueKey(one) === key);
    const entry = queues.find((one) => queueKey(one) === key);
    if (entry === undefined) {
      throw new AppError(
        "usage",
        `Cannot look into queue "${queue.name}" of vhost "${queue.vhost}": backup "${backupId}" ` +
          "does not have it",
      );
    }
    return {
      total: entry.message_count,
      read: (options) => readStored(storage, entry, options),
      close: () => storage.close(),
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
