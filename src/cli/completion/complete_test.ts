import assert from "node:assert/strict";
import { FakeTerminal } from "../fake_terminal.ts";
import { buildProgram } from "../program.ts";
import { complete } from "./complete.ts";

/** What is offered behind a command line, without the help. */
async function offered(line: string, variables: Record<string, string> = {}): Promise<string[]> {
  const program = buildProgram(() => () => Promise.resolve(), new FakeTerminal());
  const lines = await complete(program, { words: line.split(" "), env: (name) => variables[name] });
  return lines.map((line) => line.split("\t")[0]!);
}

Deno.test("commands, subcommands and arguments", async () => {
  assert.deepEqual(await offered("ba"), ["backup"]);
  const all = await offered("");
  assert.ok(all.includes("restore") && all.includes("completions"));
  assert.ok(!all.includes("complete"), "a hidden command is offered");
  assert.deepEqual(await offered("config "), ["check", "show", "schema"]);
  assert.deepEqual(await offered("-v config sh"), ["show"]);
  assert.deepEqual(await offered("completions f"), ["fish"]);
  assert.deepEqual(await offered("nonsense xyz"), []);
});

Deno.test("flags of the command and of the program, with help", async () => {
  const program = buildProgram(() => () => Promise.resolve(), new FakeTerminal());
  const lines = await complete(program, {
    words: ["backup", "--compression-"],
    env: () => undefined,
  });
  assert.deepEqual(lines, ["--compression-level\tlevel of zstd, 1 to 22"]);
  assert.deepEqual(await offered("list --jso"), ["--json"]);
  assert.deepEqual(await offered("list --compression"), []);
});

Deno.test("values: choices, files, and none where nothing is known", async () => {
  assert.deepEqual(await offered("describe -f j"), ["json"]);
  assert.deepEqual(await offered("describe --format=j"), ["--format=json"]);
  assert.deepEqual(await offered("backup --compression "), ["zstd", "lz4", "none"]);
  assert.deepEqual(await offered("backup --partial=r"), ["--partial=refuse"]);
  assert.deepEqual(await offered("restore --publish-mode "), ["direct-to-queue", "exchange"]);
  assert.deepEqual(await offered("list --state p"), ["partial"]);
  assert.deepEqual(await offered("backup -c back"), [":files"]);
  assert.deepEqual(await offered("backup --path "), [":files"]);
  assert.deepEqual(await offered("backup --prefetch-count "), []);
  // What a flag takes is no command.
  assert.deepEqual(await offered("backup --backup-id config sh"), []);
});

Deno.test("backup ids of the storage that is named by flag or variable", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const fixture = new URL("../../../tests/fixtures/rbak-v1/v1-lz4", import.meta.url);
    await new Deno.Command("cp", { args: ["-r", fixture.pathname, folder] }).output();
    const ids = ["latest", "v1-lz4"];
    assert.deepEqual(await offered(`describe --path ${folder} -b `), ids);
    assert.deepEqual(await offered(`describe --path=${folder} --backup-id=v`), [
      "--backup-id=v1-lz4",
    ]);
    assert.deepEqual(await offered("describe -b ", { RABBITMQ_BACKUP_PATH: folder }), ids);
    assert.deepEqual(await offered(`describe --path ${folder}/none -b `), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a broker that does not answer is not waited for long, and an error is not told", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr as Deno.NetAddr;
  const variables = {
    RABBITMQ_BACKUP_AMQP_URL: `amqp://127.0.0.1:${port}`,
    RABBITMQ_BACKUP_MANAGEMENT_URL: `http://127.0.0.1:${port}`,
  };
  const before = performance.now();
  assert.deepEqual(await offered("backup --vhost ", variables), []);
  assert.ok(performance.now() - before < 20_000);
  assert.deepEqual(await offered("backup --vhost ", { RABBITMQ_BACKUP_AMQP_URL: "nonsense" }), []);
});
