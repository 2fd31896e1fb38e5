import assert from "node:assert/strict";
import { applyOverrides, originOf, type Override } from "./overrides.ts";

function override(path: string, value: unknown): Override {
  return { path: path.split("."), value, origin: `--${path}` };
}

Deno.test("applyOverrides() replaces, adds and leaves the rest, in a copy", () => {
  const base = { storage: { backend: "memory" }, backup: { compression: "lz4", format: "v2" } };
  const result = applyOverrides(base, [
    override("storage", "/x"),
    override("backup.compression", "none"),
    override("restore.window", "5"),
    override("restore.window", "6"),
  ]);
  assert.deepEqual(result, {
    storage: "/x",
    backup: { compression: "none", format: "v2" },
    restore: { window: "6" },
  });
  assert.equal(base.backup.compression, "lz4");
});

Deno.test("applyOverrides() works without a file", () => {
  assert.deepEqual(applyOverrides(undefined, [override("mode", "backup")]), { mode: "backup" });
});

Deno.test("applyOverrides() lets a nearer value silence its farther alternative", () => {
  const base = { source: { amqp_url_file: "/f", management_password: "p" } };
  const result = applyOverrides(base, [
    override("source.amqp_url", "amqp://x"),
    override("source.management_password_file", "/g"),
  ]);
  assert.deepEqual(result, {
    source: { amqp_url: "amqp://x", management_password_file: "/g" },
  });
});

Deno.test("applyOverrides() leaves what has the wrong shape for the schema to refuse", () => {
  assert.deepEqual(applyOverrides({ backup: "x" }, [override("backup.format", "v2")]), {
    backup: "x",
  });
});

Deno.test("originOf() finds the last override at or above a path", () => {
  const overrides = [override("storage", "a"), { ...override("storage", "b"), origin: "ENV" }];
  assert.equal(originOf(["storage", "path"], overrides), "ENV");
  assert.equal(originOf(["storage"], overrides), "ENV");
  assert.equal(originOf(["storage_x"], overrides), undefined);
  assert.equal(originOf([], overrides), undefined);
});
