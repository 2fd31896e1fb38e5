import assert from "node:assert/strict";
import { isOnPath, run } from "../lib/process.ts";
import { referencePages } from "./reference.ts";

Deno.test("the command reference and the man page are those of the commands", async () => {
  for (const { path, text } of await referencePages()) {
    assert.equal(await Deno.readTextFile(path), text, `${path} is out of date: run deno task docs`);
  }
});

Deno.test({
  name: "the man page is right roff",
  ignore: !await isOnPath("mandoc"),
  fn: async () => {
    const page = new URL("../../docs/rabbitmq-backup.1", import.meta.url).pathname;
    const { stdout } = await run(["mandoc", "-T", "lint", "-W", "warning", page]);
    // A date would be another with each build.
    const warnings = stdout.split("\n").filter((line) => !/^$|missing date/.test(line));
    assert.deepEqual(warnings, []);
  },
});
