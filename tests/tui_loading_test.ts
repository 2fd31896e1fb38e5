/** The scriptable mode does without the user interface. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runCli } from "./helpers/cli.ts";
import { tempDir } from "./helpers/temp.ts";

const MAIN = join(import.meta.dirname ?? ".", "..", "main.ts");

/** What a process loads, by Deno's own log of its modules. */
async function loadedBy(args: string[]): Promise<string> {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--log-level=debug", MAIN, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return new TextDecoder().decode(stderr);
}

Deno.test("commands load neither Ink nor React", async () => {
  await using folder = await tempDir();
  for (const args of [["list", "--path", folder.path], ["--help"], []]) {
    const loaded = await loadedBy(args);
    const packages = [...loaded.matchAll(/Resolved package folder of ([^@\s]+)@/g)]
      .map(([, name]) => name!);
    assert.ok(packages.includes("commander"), "the log is not the kind that tells");
    assert.deepEqual(packages.filter((name) => /^(ink|react|chalk|yoga)/.test(name)), []);
  }
});

Deno.test("without a terminal the user interface says what to use instead", async () => {
  const result = await runCli(["tui"]);
  assert.equal(result.code, 2);
  assert.match(result.stderr, /Cannot open the user interface: it needs a terminal/);
});
