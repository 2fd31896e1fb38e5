import assert from "node:assert/strict";
import { join } from "node:path";
import { tempDir } from "../../../tests/helpers/temp.ts";
import { AppError } from "../../errors.ts";
import { FilesystemStorage } from "../../storage/filesystem.ts";
import { bytesOf } from "../../storage/storage.ts";
import { lookAtStorage } from "./storage_look.ts";

Deno.test("lookAtStorage() tells what a backup of this id would find, and writes nothing", async () => {
  await using dir = await tempDir();
  const root = dir.join("backups");
  const storage = new FilesystemStorage(root);
  const config = { backend: "filesystem", path: root, prefix: "" } as const;
  const look = () => lookAtStorage(storage, { config, backupId: "b" });
  assert.deepEqual(await look(), { state: "absent" });
  await assert.rejects(Deno.stat(root), Deno.errors.NotFound);

  await storage.put("another/manifest.json", bytesOf("{}"));
  assert.deepEqual(await look(), { state: "free" });
  await storage.put("b/unfinished.json", bytesOf("{}"));
  assert.deepEqual(await look(), { state: "unfinished" });
  await storage.put("b/manifest.json", bytesOf("{}"));
  const finished = await look();
  assert.ok(finished.state === "problem" && finished.problem.code === "refused");

  await Deno.writeTextFile(join(dir.path, "file"), "");
  const broken = new FilesystemStorage(dir.join("file"));
  const seen = await lookAtStorage(broken, { config, backupId: "b" });
  assert.ok(seen.state === "problem" && seen.problem.code === "storage_denied", seen.state);
});

Deno.test("lookAtStorage() takes a bucket that is missing for a problem, and a stop for none", async () => {
  const storage = new FilesystemStorage("/nonexistent");
  const failing = (code: "storage_missing" | "interrupted") =>
    Object.assign(Object.create(storage), {
      listFolders: () => {
        throw new AppError(code, "no");
      },
    });
  const config = { backend: "s3", bucket: "none" } as never;
  const missing = await lookAtStorage(failing("storage_missing"), { config, backupId: "b" });
  assert.ok(missing.state === "problem" && missing.problem.code === "storage_missing");
  await assert.rejects(lookAtStorage(failing("interrupted"), { config, backupId: "b" }), {
    code: "interrupted",
  });
});
