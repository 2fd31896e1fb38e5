import assert from "node:assert/strict";
import { tempDir } from "../../tests/helpers/temp.ts";
import { writeFileAtomically } from "./private_file.ts";

Deno.test("writeFileAtomically: a file for its owner only, replaced whole", async () => {
  await using dir = await tempDir();
  const path = await dir.write("out", "before");
  await writeFileAtomically(path, "after");
  assert.equal(await Deno.readTextFile(path), "after");
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["out"]);
});

Deno.test("writeFileAtomically: a pipe or device stays one, with its permissions", async () => {
  await using dir = await tempDir();
  const path = dir.join("pipe");
  await new Deno.Command("mkfifo", { args: ["-m", "666", path] }).output();
  const { mode } = await Deno.stat(path);
  const [read] = await Promise.all([Deno.readTextFile(path), writeFileAtomically(path, "text")]);
  assert.equal(read, "text");
  const after = await Deno.stat(path);
  assert.deepEqual([after.isFile, after.mode], [false, mode]);
});
