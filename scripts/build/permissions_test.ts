import assert from "node:assert/strict";
import { permissionFlags, PERMISSIONS } from "./permissions.ts";

Deno.test("each permission is in docs/install.md, with its reason, and no other", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/install.md", import.meta.url));
  const rows = [...page.matchAll(/^\| `(--allow-\S+)` +\| (.*?) +\|$/gm)]
    .map(([, flag, reason]) => ({ flag, reason }));
  assert.deepEqual(rows, PERMISSIONS);
});

Deno.test("a build may not do everything", () => {
  const flags = permissionFlags();
  assert.ok(flags.includes("--no-prompt"));
  assert.deepEqual(
    flags.filter((flag) => /^(-A|--allow-(all|ffi|import)|--unstable.*)$/.test(flag)),
    [],
  );
});
