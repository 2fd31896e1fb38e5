import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the program as a process of its own. */
async function run(...argv: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "main.ts", ...argv],
    cwd: ROOT,
    env: { LC_ALL: "C" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

interface ModuleGraph {
  roots: string[];
  modules: { specifier: string; dependencies?: Dependency[] }[];
}

interface Dependency {
  isDynamic?: boolean;
  code?: { specifier: string };
  npmPackage?: string;
}

Deno.test("the command line alone loads neither engine nor schema", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: ROOT,
  }).output();
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as ModuleGraph;
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const visit = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const dependency of modules.get(specifier)?.dependencies ?? []) {
      if (!dependency.isDynamic && dependency.code) visit(dependency.code.specifier);
    }
  };
  graph.roots.forEach(visit);
  const names = [...loaded].map((specifier) => specifier.replace(`file://${ROOT}`, ""));
  assert.ok(names.includes("src/cli/program.ts"));
  const heavy = names.filter((name) =>
    /^src\/(engine|broker|storage|archive|checkpoint|definitions|safety|config\/schema)/.test(
      name,
    ) ||
    /^npm:/.test(name) && !name.includes("commander")
  );
  assert.deepEqual(heavy, []);
});

Deno.test("main.ts: version, exit code and streams of a process", async () => {
  assert.deepEqual(await run("--version"), { code: 0, out: "0.1.0\n", err: "" });
  const wrong = await run("bakup");
  assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  assert.match(wrong.err, /unknown command 'bakup'/);
});

Deno.test("main.ts ends quietly when nobody reads its output", async () => {
  const command = `"$0" run -A --no-check --quiet main.ts config schema | true; echo "$?"`;
  const script = `set -o pipefail; ${command}`;
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script, Deno.execPath()],
    cwd: ROOT,
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(new TextDecoder().decode(stdout), "0\n");
});

Deno.test("main.ts: the first Ctrl-C stops in order, the second at once with 130", async () => {
  const folder = await Deno.makeTempDir();
  // A server that accepts and never answers.
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr as Deno.NetAddr;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "main.ts", "backup", "--path", folder, "-q"],
    cwd: ROOT,
    env: {
      RABBITMQ_BACKUP_AMQP_URL: `amqp://me:canary-31@127.0.0.1:${port}`,
      RABBITMQ_BACKUP_MANAGEMENT_URL: `http://127.0.0.1:${port}`,
      XDG_STATE_HOME: folder,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    using _connection = await server.accept();
    child.kill("SIGINT");
    let shown = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      if (shown === "") child.kill("SIGINT");
      shown += text;
    }
    assert.match(shown, /^Stopping: giving the messages back/);
    assert.equal((await child.status).code, 130);
    shown += await new Response(child.stdout).text();
    assert.ok(!shown.includes("canary-31"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
