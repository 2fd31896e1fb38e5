import assert from "node:assert/strict";
import { Command } from "commander";
import { addSettings, givenFlags } from "./command.ts";
import { BACKUP_SETTINGS, queueSettings, RESTORE_SETTINGS } from "./setting_groups.ts";
import type { SettingGroup } from "../console/setting.ts";

function parse(group: SettingGroup, ...argv: string[]): Record<string, unknown> {
  const program = new Command().option("--no-color").option("-v, --verbose");
  addSettings(program.command("x"), [group]).action(() => {});
  program.parse(["x", ...argv], { from: "user" });
  return givenFlags(program.commands[0]!);
}

Deno.test("givenFlags() holds nothing that was not given, so that the file's values stand", () => {
  for (const group of [BACKUP_SETTINGS, RESTORE_SETTINGS, queueSettings("source.queues")]) {
    assert.deepEqual(parse(group), {});
  }
});

Deno.test("givenFlags() holds switches that were turned off, lists, and global flags", () => {
  const off = parse(BACKUP_SETTINGS, "--no-include-definitions", "--compression", "lz4", "-v");
  assert.deepEqual(off, { includeDefinitions: false, compression: "lz4", verbose: true });
  assert.deepEqual(parse(RESTORE_SETTINGS, "--no-create-missing-queues", "--no-color"), {
    createMissingQueues: false,
    color: false,
  });
  assert.deepEqual(parse(queueSettings("source.queues"), "--include", "a", "--include", "b"), {
    include: ["a", "b"],
  });
});
