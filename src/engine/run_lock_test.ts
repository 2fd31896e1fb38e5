import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../../tests/helpers/temp.ts";
import { lockRun, runFolder } from "./run_lock.ts";
import { removeFolder } from "./spool/spool.ts";

const KEY = { operation: "backup", backupId: "b", location: "/l", scope: "" } as const;

Deno.test("lockRun: a run that left nothing leaves no folder, another keeps its own", async () => {
  await using dir = await tempDir();
  const folder = runFolder(dir.path, KEY);
  lockRun(folder, KEY)[Symbol.dispose]();
  assert.ok(!existsSync(folder));
  {
    using _lock = lockRun(folder, KEY);
    await Deno.writeTextFile(join(folder, "segment"), "messages");
  }
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
    "lock",
    "segment",
  ]);
});

Deno.test("lockRun: whoever comes second is told, and takes nothing from the first", async () => {
  await using dir = await tempDir();
  const folder = runFolder(dir.path, KEY);
  using _lock = lockRun(folder, KEY);
  assert.throws(() => lockRun(folder, KEY), { code: "locked" });
  assert.ok(existsSync(join(folder, "lock")));
});

Deno.test("lockRun: the end of a run does not touch the lock of the next one", async () => {
  await using dir = await tempDir();
  const folder = runFolder(dir.path, KEY);
  const first = lockRun(folder, KEY);
  removeFolder(folder); // as a finished backup does
  using _second = lockRun(folder, KEY);
  first[Symbol.dispose]();
  assert.ok(existsSync(join(folder, "lock")));
  assert.throws(() => lockRun(folder, KEY), { code: "locked" });
});

Deno.test("lockRun: processes that take turns never hold it together", async () => {
  await using dir = await tempDir();
  const script = await dir.write("turns.ts", turns(import.meta.url, dir.join("spool")));
  const inside = dir.join("inside");
  const outcomes = await Promise.all(
    Array.from({ length: 3 }, () =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--quiet", script, inside],
      }).output()),
  );
  for (const { success, stderr } of outcomes) {
    assert.ok(success, new TextDecoder().decode(stderr));
  }
  assert.deepEqual([...Deno.readDirSync(dir.join("spool"))], []);
});

/** A program that takes the lock many times; `createNew` fails when another has it as well. */
function turns(base: string, root: string): string {
  return `
    import { lockRun, runFolder } from ${JSON.stringify(new URL("run_lock.ts", base).href)};
    const key = ${JSON.stringify(KEY)};
    const folder = runFolder(${JSON.stringify(root)}, key);
    for (let turn = 0; turn < 200;) {
      try {
        using _lock = lockRun(folder, key);
        Deno.writeTextFileSync(Deno.args[0], "", { createNew: true });
        Deno.removeSync(Deno.args[0]);
        turn++;
      } catch (error) {
        if (error.code !== "locked") throw error;
      }
    }`;
}
