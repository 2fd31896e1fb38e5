/** Files that others' programs read: parsed, by their own linters where these are installed. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { validate } from "dockerfile-utils";
import { parseAllDocuments } from "yaml";
import { positionOf } from "../../src/cli/completion/position.ts";
import { FakeTerminal } from "../../src/cli/fake_terminal.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { ConfigFileSchema } from "../../src/config/schema.ts";
import { isOnPath, run } from "../lib/process.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => Deno.readTextFile(ROOT + path);

// deno-lint-ignore no-explicit-any -- whatever the file holds; the assertions are about it
async function documents(path: string): Promise<any[]> {
  return parseAllDocuments(await read(path)).map((document) => {
    assert.deepEqual(document.errors, [], path);
    return document.toJS();
  });
}

/** Fails when a command line is not one of this program. */
function assertCommandLine(words: readonly string[]): void {
  const program = buildProgram(() => () => Promise.resolve(), new FakeTerminal());
  for (const [index, word] of words.entries()) {
    const { wanted } = positionOf(program, words.slice(0, index + 1));
    if (wanted.kind !== "words") continue;
    assert.ok(wanted.words.some(({ value }) => value === word), `${word} of ${words.join(" ")}`);
  }
}

Deno.test("the release workflow: its Deno, its tasks and its files are those of this project", async () => {
  const path = ".github/workflows/release.yml";
  const [workflow] = await documents(path);
  assert.equal(
    `VERSION=${workflow.env.DENO_VERSION}`,
    /^VERSION=.*$/m.exec(await read("scripts/deno"))?.[0],
  );
  const { tasks } = JSON.parse(await read("deno.json"));
  // deno-lint-ignore no-explicit-any -- as above
  const steps = Object.values<any>(workflow.jobs).flatMap((job) => job.steps);
  for (const { uses, run } of steps) {
    assert.ok(run !== undefined || /@v\d+$/.test(uses), `${uses} is not pinned`);
    for (const [, task] of (run ?? "").matchAll(/deno task (\S+)/g)) assert.ok(task in tasks, task);
  }
  for (const job of Object.keys(workflow.jobs)) {
    for (const needed of workflow.jobs[job].needs ?? []) assert.ok(needed in workflow.jobs, needed);
  }
  assert.deepEqual(workflow.permissions, { contents: "read" });
});

Deno.test("Kubernetes: a job that may do little, with a right configuration and command line", async () => {
  const all = await documents("examples/kubernetes/cronjob.yaml");
  const byKind = Object.fromEntries(all.map((one) => [one.kind, one]));
  const [config] = parseAllDocuments(byKind.ConfigMap.data["backup.yaml"]);
  assert.ok(ConfigFileSchema.safeParse(config!.toJS()).success);
  const pod = byKind.CronJob.spec.jobTemplate.spec.template.spec;
  const [container] = pod.containers;
  assertCommandLine(container.args);
  assert.equal(pod.securityContext.runAsNonRoot, true);
  assert.equal(container.securityContext.readOnlyRootFilesystem, true);
  assert.equal(byKind.CronJob.spec.concurrencyPolicy, "Forbid");
  const volumes = new Set(pod.volumes.map(({ name }: { name: string }) => name));
  for (const { name } of container.volumeMounts) assert.ok(volumes.has(name), name);
  for (const { configMap, secret, persistentVolumeClaim } of pod.volumes) {
    const named = configMap?.name ?? persistentVolumeClaim?.claimName;
    assert.ok(named === undefined || all.some(({ metadata }) => metadata.name === named));
    assert.ok(secret === undefined || secret.secretName === "rabbitmq-backup");
  }
});

Deno.test("systemd: the unit's command line is right, and the timer is of this unit", async () => {
  const service = await read("examples/systemd/rabbitmq-backup.service");
  const timer = await read("examples/systemd/rabbitmq-backup.timer");
  for (const text of [service, timer]) {
    for (const line of text.split("\n")) assert.match(line, /^($|#|\[[A-Z][a-z]+\]$|[A-Za-z]+=)/);
  }
  const [, program, args] = /^ExecStart=(\S+) (.*)$/m.exec(service) ?? [];
  assert.equal(program, "/usr/local/bin/rabbitmq-backup");
  assertCommandLine(args!.split(" "));
  assert.match(timer, /^OnCalendar=.*\n(.*\n)*\[Install\]\nWantedBy=timers\.target$/m);
});

Deno.test({
  name: "systemd finds nothing wrong with unit and timer",
  ignore: !await isOnPath("systemd-analyze"),
  fn: async () => {
    const units = ["service", "timer"].map((kind) =>
      `${ROOT}examples/systemd/rabbitmq-backup.${kind}`
    );
    const { stderr } = await run(["systemd-analyze", "verify", ...units]);
    // The program and its page need not be installed here.
    const about = stderr.split("\n").filter((line) => /rabbitmq-backup/.test(line));
    assert.deepEqual(about.filter((line) => !/is not executable|Command 'man /.test(line)), []);
  },
});

Deno.test("cron: five fields, a user, and a command line of this program", async () => {
  const lines = (await read("examples/cron/rabbitmq-backup")).trimEnd().split("\n")
    .filter((line) => !/^#|^[A-Z_]+=/.test(line));
  assert.equal(lines.length, 1);
  const [, user, command] = /^(?:[\d*/,-]+ ){5}(\S+) (.*)$/.exec(lines[0]!) ?? [];
  assert.equal(user, "rabbitmq-backup");
  assert.ok(!command!.includes("%"), "cron takes % for the end of the line");
  const [, args] = /rabbitmq-backup (backup .*) 2>&1/.exec(command!) ?? [];
  assertCommandLine(args!.split(" "));
});

Deno.test("the Dockerfile: a linter finds nothing, and nobody runs as root", async () => {
  const file = await read("Dockerfile");
  assert.deepEqual(validate(file).map(({ message }) => message), []);
  assert.equal(validate(file.replace("ENTRYPOINT [", "ENTRPOINT [")).length, 1);
  const text = file.replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "");
  const steps = text.split("\n").filter((line) => line !== "");
  const last = (name: string) => steps.findLast((step) => step.startsWith(name));
  assert.match(last("USER")!, /^USER [1-9]\d+:[1-9]\d+$/);
  assert.deepEqual(JSON.parse(last("ENTRYPOINT")!.replace("ENTRYPOINT ", "")), [
    "/usr/local/bin/rabbitmq-backup",
  ]);
  for (const step of steps.filter((one) => one.startsWith("FROM"))) {
    assert.match(step, /:[\w.-]+( AS \w+)?$/);
  }
});

const LINTERS: readonly [program: string, args: string[], files: string[]][] = [
  ["shellcheck", ["--severity=warning"], ["install.sh", "scripts/build/portable_head.sh"]],
  [
    "yamllint",
    ["-d", "{extends: relaxed, rules: {line-length: disable}}"],
    [".github/workflows/release.yml", "examples/kubernetes/cronjob.yaml"],
  ],
];

for (const [program, args, files] of LINTERS) {
  Deno.test({
    name: `${program} finds nothing wrong with ${files.join(" and ")}`,
    ignore: !await isOnPath(program),
    fn: async () => {
      const { code, stdout, stderr } = await run([
        program,
        ...args,
        ...files.map((file) => ROOT + file),
      ]);
      assert.equal(code, 0, stdout + stderr);
    },
  });
}
