import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { zstdCompressSync } from "node:zlib";
import { buildBackup, once } from "../../../tests/archive/build_backup.ts";
import { compress } from "../../archive/compression.ts";
import { type Compression, definitionsKey } from "../../archive/layout.ts";
import { FilesystemStorage } from "../../storage/filesystem.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf, readAll, type Storage } from "../../storage/storage.ts";
import { definitionsTextOf, readBackupDefinitions } from "./definitions.ts";

const TEXT = '{"queues":[],"users":[{"name":"é"}]}\n';

let stores = 0;

/** A store with a backup `b` that has definitions. */
async function stored(compression: Compression): Promise<{ storage: Storage; key: string }> {
  const storage = new MemoryStorage(`stored-definitions-${stores++}`);
  const key = definitionsKey("b", compression);
  const packed = await readAll(compress(bytesOf(TEXT), { compression }), 1_000_000);
  await buildBackup(storage, {
    backupId: "b",
    queues: [],
    change: (manifest) => {
      manifest.definitions = {
        key,
        vhost_count: 1,
        queue_count: 0,
        exchange_count: 0,
        user_count: 1,
        size_bytes: packed.length,
        checksum: createHash("sha256").update(packed).digest("hex"),
      };
    },
  });
  await storage.put(key, once(packed));
  return { storage, key };
}

Deno.test("readBackupDefinitions: what was stored, in every codec, and of version 1", async () => {
  for (const compression of ["zstd", "lz4", "none"] as const) {
    const { storage } = await stored(compression);
    assert.equal(await readBackupDefinitions(storage, "b"), TEXT);
  }
  const fixtures = fileURLToPath(new URL("../../../tests/fixtures/rbak-v1", import.meta.url));
  for (const codec of ["zstd", "lz4", "none"]) {
    const text = await readBackupDefinitions(new FilesystemStorage(fixtures), `v1-${codec}`);
    assert.ok(Array.isArray(JSON.parse(text).queues));
  }
});

Deno.test("readBackupDefinitions: what is changed or missing is damaged, and says which", async () => {
  const { storage, key } = await stored("zstd");
  await storage.put(key, once(zstdCompressSync(new TextEncoder().encode('{"queues":[]}'))));
  const message = (problem: RegExp) =>
    RegExp(`^Cannot read the definitions of backup "b": ${key}: ${problem.source}$`);
  await assert.rejects(readBackupDefinitions(storage, "b"), {
    code: "damaged",
    message: message(/its SHA-256 is not the manifest's/),
  });
  await storage.delete([key]);
  await assert.rejects(readBackupDefinitions(storage, "b"), {
    code: "damaged",
    message: message(/it is missing/),
    hint: /copy of the backup/,
  });
});

Deno.test("readBackupDefinitions: a backup without definitions, and none at all", async () => {
  const storage = new MemoryStorage(`stored-definitions-${stores++}`);
  const reason = "definitions are not in this backup: the user may not";
  await buildBackup(storage, {
    backupId: "b",
    queues: [],
    change: (manifest) => {
      manifest.definitions = null;
      manifest.warnings.push("a vhost is closed", reason);
    },
  });
  await assert.rejects(readBackupDefinitions(storage, "b"), {
    code: "failed",
    message: `Cannot read the definitions of backup "b": it holds none (${reason})`,
    hint: /definitions-export/,
  });
  await assert.rejects(readBackupDefinitions(storage, "c"), { code: "backup_not_found" });
});

Deno.test("definitionsTextOf: plain or packed by what it begins with, and nothing guessed", async () => {
  const plain = new TextEncoder().encode(TEXT);
  assert.equal(await definitionsTextOf(plain, "f"), TEXT);
  const packed = zstdCompressSync(plain);
  assert.equal(await definitionsTextOf(packed, "f"), TEXT);
  const broken = Uint8Array.from(packed).fill(0xff, 6);
  for (const bytes of [broken, Uint8Array.of(0x7b, 0xff)]) {
    await assert.rejects(definitionsTextOf(bytes, "f"), {
      code: "damaged",
      message: /^Cannot read f: /,
      hint: /--backup-id ID --path STORAGE/,
    });
  }
});
