/** From a host and a password to what can be done, without a configuration. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { tempDir } from "./helpers/temp.ts";
import { TmuxRun } from "./helpers/tmux.ts";

Deno.test("a broker and a storage are asked for, tested, and saved without the password", async () => {
  const broker = brokers().at(-1)!;
  await using folder = await tempDir();
  await using terminal = await TmuxRun.start(["tui"], { cwd: folder.path });
  await terminal.waitFor(/none is known yet: c asks for it/);
  await terminal.press("c");
  await terminal.waitFor(/› Broker/);
  const answers = [
    new URL(broker.amqpUrl).host,
    "\u0015" + broker.username, // Ctrl-U empties what is proposed
    broker.password,
    broker.managementUrl,
    folder.path,
  ];
  for (const answer of answers) {
    await terminal.type(answer);
    await terminal.press("Enter");
  }
  await terminal.waitFor(new RegExp(`✔ RabbitMQ ${broker.version}[^]*✔ no backups yet`));
  await terminal.press("C-s");
  await terminal.waitFor(/Saved as rabbitmq-backup\.yaml/);
  await terminal.press("C-s");
  await terminal.waitFor(/There is a rabbitmq-backup\.yaml already/);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);

  const saved = folder.join("rabbitmq-backup.yaml");
  assert.match(await Deno.readTextFile(saved), /:\$\{RABBITMQ_PASSWORD\}@/);
  const env = { RABBITMQ_PASSWORD: broker.password };
  const planned = await runCli(["backup", "-c", saved, "--dry-run", "--include", "none"], { env });
  assert.equal(planned.code, 0, planned.stderr);
});
