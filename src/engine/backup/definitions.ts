import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { compress } from "../../archive/compression.ts";
import { definitionsKey } from "../../archive/layout.ts";
import type { DefinitionsEntry } from "../../archive/manifest.ts";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { Config } from "../../config/config.ts";
import { exportDefinitions } from "../../definitions/export.ts";
import { AppError } from "../../errors.ts";
import { bytesOf, type Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";

/**
 * Stores the broker's definitions. A user who may not read them gets a warning and null: the
 * messages are worth having all the same, and the manifest says what is missing.
 */
export async function backupDefinitions(options: {
  client: ManagementClient;
  storage: Storage;
  backupId: string;
  config: Config;
  warnings: string[];
  emit: EventSink;
  signal: AbortSignal;
}): Promise<DefinitionsEntry | null> {
  const { client, storage, backupId, config: { backup }, warnings, emit, signal } = options;
  let exported;
  try {
    exported = await exportDefinitions(client, { signal });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "broker_denied") throw error;
    warnings.push(`definitions are not in this backup: ${error.message}`);
    emit({
      type: "warning",
      message: `The definitions are not in this backup: ${error.message}`,
      hint: "use an administrator for the management API, or set backup.include_definitions: false",
    });
    return null;
  }
  const key = definitionsKey(backupId, backup.compression);
  const hash = createHash("sha256");
  let size = 0;
  const packed = compress(bytesOf(exported.text), {
    compression: backup.compression,
    level: backup.compression_level,
    formatVersion: backup.format === "v2" ? 2 : 1,
  });
  async function* hashed() {
    for await (const chunk of packed) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  await storage.put(key, hashed(), { signal });
  const { counts } = exported;
  return {
    key,
    vhost_count: counts.vhosts,
    queue_count: counts.queues,
    exchange_count: counts.exchanges,
    user_count: counts.users,
    // Version 1 tells the size before compression.
    size_bytes: backup.format === "v2" ? size : Buffer.byteLength(exported.text),
    checksum: hash.digest("hex"),
  };
}
