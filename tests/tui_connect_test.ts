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

  // 1. The form, which is the way to everything.
  await terminal.press("Enter");
  await terminal.waitFor(/› Broker[^]*rabbitmq-backups[^]*First, where are/);
  const answers = [
    new URL(broker.amqpUrl).host,
    "\u0015" + broker.username, // Ctrl-U empties what is proposed
    broker.password,
    broker.managementUrl,
    "\u0015" + folder.path,
  ];
  for (const answer of answers) {
    await terminal.type(answer);
    await terminal.press("Enter");
  }

  // 2. Each connection is tried, and what was typed can be saved.
  await terminal.waitFor(/Management API +✔[^]*AMQP +✔[^]*Storage +✔/);
  await terminal.press("C-s");
  await terminal.waitFor(/Saved as rabbitmq-backup\.yaml/);
  await terminal.press("Enter", "C-s");
  await terminal.waitFor(/There is a rabbitmq-backup\.yaml already[^]*\[ No \]/);
  await terminal.press("n");

  // 3. It is in force, and the form has it still.
  await terminal.press("Enter");
  await terminal.waitFor(new RegExp(`✔ RabbitMQ ${broker.version}[^]*✔ no backups yet`));
  await terminal.press("c");
  await terminal.waitFor(new RegExp(`Broker +${new URL(broker.amqpUrl).host}[^]*Password +\\*+`));
  await terminal.press("Escape", "q");
  await terminal.waitFor(/^code 0$/m);

  // 4. Where it lies it is offered, and without the variable the password is asked for.
  await using again = await TmuxRun.start(["tui"], { cwd: folder.path });
  await again.waitFor(/› Open +rabbitmq-backup\.yaml/);
  await again.press("Enter");
  await again.waitFor(/c asks for the password: RABBITMQ_PASSWORD is not set[^]*✔ no backups yet/);
  await again.press("c");
  await again.waitFor(new RegExp(`User +${broker.username}, as it is[^]*› Password`));
  await again.type(broker.password);
  await again.press("C-t");
  await again.waitFor(/Management API +✔[^]*AMQP +✔[^]*Storage +✔/);
  await again.press("Enter");
  await again.waitFor(new RegExp(`✔ RabbitMQ ${broker.version}[^]*✔ no backups yet`));
  await again.press("q");
  await again.waitFor(/^code 0$/m);

  // 5. The file is a configuration as commands take it.
  const saved = folder.join("rabbitmq-backup.yaml");
  assert.match(await Deno.readTextFile(saved), /:\$\{RABBITMQ_PASSWORD\}@/);
  const env = { RABBITMQ_PASSWORD: broker.password };
  const planned = await runCli(["backup", "-c", saved, "--dry-run", "--include", "none"], { env });
  assert.equal(planned.code, 0, planned.stderr);
});

Deno.test("a folder that is not there yet is no fault; what is wrong is told with a way out", async () => {
  const broker = brokers().at(-1)!;
  await using folder = await tempDir();
  const config = await folder.write(
    "backup.yaml",
    `source: { amqp_url: "${broker.amqpUrl}", management_url: "${broker.managementUrl}" }\n` +
      `storage: ${folder.join("new")}\n`,
  );
  await using terminal = await TmuxRun.start(["tui", "--config", config]);
  await terminal.waitFor(/- a folder that is not there yet: the first backup makes it/);
  await terminal.press("L");
  await terminal.waitFor(/› Log(?![^]*failed)[^]*TIME \(UTC\)/);
  await terminal.press("Escape");

  // Nobody listens there.
  await terminal.press("c");
  await terminal.waitFor(/as it is/);
  await terminal.type("127.0.0.1:1");
  await terminal.press("C-t");
  await terminal.waitFor(/AMQP +✖ .*127\.0\.0\.1:1[^]*Hint: /);
  // Back to what was configured.
  await terminal.press("Escape");
  await terminal.waitFor(new RegExp(`✔ RabbitMQ ${broker.version}`));
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
});

Deno.test("a configuration that was used is offered again, and opened", async () => {
  await using folder = await tempDir();
  await using state = await tempDir();
  const text = (port: number) =>
    `source: { amqp_url: "amqp://guest:guest@127.0.0.1:${port}" }\nstorage: ${folder.path}\n`;
  const paths = [
    await folder.write("first.yaml", text(1)),
    await folder.write("second.yaml", text(2)),
  ];
  const env = { XDG_STATE_HOME: state.path };
  for (const path of paths) {
    await using terminal = await TmuxRun.start(["tui", "--config", path], { env });
    await terminal.waitFor(/Storage[^]*✔ no backups yet/);
    await terminal.press("q");
    await terminal.waitFor(/^code 0$/m);
  }
  await using terminal = await TmuxRun.start(["tui"], { env, columns: 120 });
  await terminal.waitFor(/none is known yet/);
  await terminal.press("G", "Enter");
  await terminal.waitFor(/› .*second\.yaml[^]*first\.yaml/);
  await terminal.press("j", "Enter");
  await terminal.waitFor(/127\.0\.0\.1:1 /);
  await terminal.press("G", "Enter");
  await terminal.waitFor(/› .*first\.yaml/);
  await terminal.press("x");
  await terminal.waitFor(/Configurations(?![^]*first\.yaml)/);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
});
