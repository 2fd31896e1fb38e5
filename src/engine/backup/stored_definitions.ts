import { createHash } from "node:crypto";
import { type Compression, definitionsKey } from "../../archive/layout.ts";
import type { DefinitionsEntry } from "../../archive/manifest.ts";
import { type Definitions, type Kind, objectsOf } from "../../definitions/document.ts";
import { parseDefinitions } from "../../definitions/parse.ts";
import { AppError } from "../../errors.ts";
import { readAll, type Storage } from "../../storage/storage.ts";
import { MAX_DEFINITIONS_BYTES, unpackDefinitions } from "../stored/definitions.ts";

const CODECS: readonly Compression[] = ["zstd", "lz4", "none"];

/** Definitions that stand in storage without a manifest that tells of them. */
export interface FoundDefinitions {
  readonly entry: DefinitionsEntry;
  readonly content: Definitions;
}

/** The definitions of an unfinished backup; undefined when there are none, or damaged ones. */
export async function findDefinitions(
  storage: Storage,
  backupId: string,
): Promise<FoundDefinitions | undefined> {
  for (const compression of CODECS) {
    const key = definitionsKey(backupId, compression);
    if (await storage.stat(key) === undefined) continue;
    const stored = await readAll(storage.get(key), MAX_DEFINITIONS_BYTES);
    try {
      const content = parseDefinitions(await unpackDefinitions(stored, compression));
      const count = (kind: Kind) => objectsOf(content, kind).length;
      const entry: DefinitionsEntry = {
        key,
        vhost_count: count("vhosts"),
        queue_count: count("queues"),
        exchange_count: count("exchanges"),
        user_count: count("users"),
        size_bytes: stored.length,
        checksum: createHash("sha256").update(stored).digest("hex"),
      };
      return { entry, content };
    } catch (error) {
      if (error instanceof AppError && error.code !== "damaged") throw error;
      return undefined;
    }
  }
  return undefined;
}
