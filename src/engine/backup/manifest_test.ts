import assert from "node:assert/strict";
import { manifestKey } from "../../archive/layout.ts";
import { AppError, type ErrorCode } from "../../errors.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf } from "../../storage/storage.ts";
import { assertStillOurs } from "./manifest.ts";

Deno.test("assertStillOurs: a manifest whose lock was taken meanwhile is taken back", async () => {
  const storage = new MemoryStorage(crypto.randomUUID());
  const context = { backupId: "b", storage };
  const key = manifestKey("b");
  await storage.put(key, bytesOf("{}"));
  const failing = (code: ErrorCode) => ({
    assertHeld: () => Promise.reject(new AppError(code, "no")),
  });
  await assertStillOurs(context, { assertHeld: () => Promise.resolve() });
  await assertStillOurs(context, failing("storage_unreachable"));
  assert.ok(await storage.stat(key) !== undefined);
  await assert.rejects(assertStillOurs(context, failing("locked")), { code: "locked" });
  assert.equal(await storage.stat(key), undefined);
});
