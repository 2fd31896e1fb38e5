import assert from "node:assert/strict";
import { tempDir } from "../../tests/helpers/temp.ts";
import { conditionOf, saveCommand } from "./saved_command.ts";

Deno.test("a saved command runs by itself, and overwrites none", async () => {
  await using folder = await tempDir();
  const save = (line: string) => saveCommand(folder.path, { line, command: "restore" });
  assert.equal(await save("echo 'it ran'"), "rabbitmq-backup-restore.sh");
  assert.equal(await save("echo 2"), "rabbitmq-backup-restore-2.sh");
  const { stdout } = await new Deno.Command(folder.join("rabbitmq-backup-restore.sh")).output();
  assert.equal(new TextDecoder().decode(stdout), "it ran\n");
});

Deno.test("a saved command that needs a variable says so where it is not set", async () => {
  await using folder = await tempDir();
  const line = 'echo "$RABBITMQ_BACKUP_AMQP_URL"';
  assert.match(conditionOf(line)!, /with the password/);
  assert.equal(conditionOf("echo"), undefined);
  const name = await saveCommand(folder.path, { line, command: "backup" });
  const run = (env: Record<string, string>) =>
    new Deno.Command(folder.join(name), { clearEnv: true, env }).output();
  const without = await run({});
  assert.notEqual(without.code, 0);
  assert.match(new TextDecoder().decode(without.stderr), /has to hold the URL/);
  const { stdout } = await run({ RABBITMQ_BACKUP_AMQP_URL: "amqp://x" });
  assert.equal(new TextDecoder().decode(stdout), "amqp://x\n");
});
