import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { FakeTerminal } from "./fake_terminal.ts";
import { VERSION } from "../version.ts";
import { runCli } from "./run.ts";

const CANARY = "canary-77aa";
const FIXTURES = fileURLToPath(new URL("../../tests/fixtures/rbak-v1", import.meta.url));

/** The home of these tests: some runs get as far as their spool. */
const HOME = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(HOME, { recursive: true }));

/** Runs a command line in this process. */
async function run(argv: readonly string[], variables: Record<string, string> = {}) {
  const terminal = new FakeTerminal({ HOME, ...variables });
  const exitCode = await runCli(argv, {
    terminal,
    invocation: "rabbitmq-backup",
    exit: (code) => assert.fail(`ended at once with ${code}`),
  });
  return { exitCode, out: terminal.stdout.text, err: terminal.stderr.text };
}

/** Runs a command line with a configuration file of this text; `FILE` stands for its path. */
async function runWithFile(text: string, argv: string[], variables: Record<string, string> = {}) {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    const result = await run(argv.map((word) => word === "FILE" ? path : word), variables);
    const shown = (output: string) => output.replaceAll(path, "FILE");
    return { ...result, out: shown(result.out), err: shown(result.err) };
  } finally {
    await Deno.remove(path);
  }
}

const COMMANDS = [
  "backup",
  "restore",
  "validate-restore",
  "list",
  "describe",
  "validate",
  "verify",
  "finish",
  "definitions-export",
  "definitions-import",
  "doctor",
  "init",
  "config",
  "completions",
  "version",
  "help",
];

Deno.test("--help names every command, and each has help of its own that fits the screen", async () => {
  const { exitCode, out, err } = await run(["--help"]);
  assert.deepEqual([exitCode, err], [0, ""]);
  for (const command of COMMANDS) {
    assert.match(out, RegExp(`^ {2}${command}\\b`, "m"));
    const own = await run([command, "--help"]);
    assert.equal(own.exitCode, 0);
    assert.match(own.out, RegExp(`^Usage: rabbitmq-backup ${command}`));
    const text = own.out.split("Examples:")[0]!;
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
    const asked = await run(["help", command]);
    assert.equal(asked.out, own.out);
  }
});

Deno.test("no arguments: help on stderr, exit code 2", async () => {
  const { exitCode, out, err } = await run([]);
  assert.deepEqual([exitCode, out], [2, ""]);
  assert.match(err, /^Usage: rabbitmq-backup/);
});

Deno.test("help exit-codes lists them all", async () => {
  const { exitCode, out } = await run(["help", "exit-codes"]);
  assert.equal(exitCode, 0);
  for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 130, 143]) {
    assert.match(out, RegExp(`^ *${code}  \\w`, "m"));
  }
  const json = await run(["help", "exit-codes", "--json"]);
  assert.equal(JSON.parse(json.out).exit_codes.length, 18);
});

const USAGE_ERRORS: [line: string, expected: RegExp][] = [
  ["bakup", /unknown command 'bakup'\nHint: did you mean backup\?/],
  ["backup --confg x", /unknown option '--confg'\nHint: did you mean --config\?/],
  ["backup --queue x", /unknown option '--queue'\nHint: did you mean --include\?/],
  ["restore --queues=x", /unknown option '--queues=x'\nHint: did you mean --include\?/],
  ["messages -f yaml", /'yaml' is invalid. Allowed choices are text, json/],
  ["backup --config", /option '-c, --config <file>' argument missing/],
  ["backup stray", /too many arguments/],
  ["definitions-import", /Cannot import definitions: neither a backup nor a file is named/],
  ["definitions-import -i f -b x", /both a file and a backup are named\nHint: give either --input/],
  ["definitions-import -i f -p /x", /both a file and a backup are named/],
  ["definitions-import -p /x -b x", /Cannot connect to the target broker: none is configured/],
  [
    "definitions-import --amqp-url amqp://h -p /x -b %Y",
    /Cannot import the definitions of "%Y": it is a pattern/,
  ],
  [
    "definitions-import -i f --transformations exclude_user --amqp-url amqp://h",
    /"exclude_users"\?/,
  ],
  ["definitions-export --rename-vhost a --amqp-url amqp://h", /expected old names with new ones/],
  ["definitions-export --select-queue ~[ --amqp-url amqp://h", /not a regular expression/],
  ["definitions-diff only-one", /missing required argument 'second'/],
  ["definitions-diff live live", /Cannot read live: no broker is configured/],
  ["definitions-diff /nowhere live", /Cannot read \/nowhere: there is no such file/],
  ["definitions-rollback -i f -b x", /both a file and a backup are named/],
  [
    "definitions-rollback --snapshot x --amqp-url amqp://h",
    /--snapshot: expected the milliseconds/,
  ],
  ["backup -f yaml", /Cannot give the result of backup as YAML: .*\nHint: use --json/],
  ["restore --format yaml -p /x -b x", /Cannot give the result of restore as YAML: /],
  ["backup -f xml", /'xml' is invalid. Allowed choices are text, json, yaml/],
  ["describe -f xml", /'xml' is invalid. Allowed choices are text, json, yaml/],
  ["help bakup", /no such command or topic\nHint: did you mean "backup"\?/],
  ["help exit", /no such command or topic\nHint: known are backup, /],
  ["backup --progress-interval soon", /Cannot read the time "soon" of --progress-interval/],
  ["backup --management-password canary-77aa", /Cannot take --management-password: other users/],
  ["backup --password=canary-77aa", /Cannot take --password: other users/],
  ["config", /^Usage: rabbitmq-backup config/],
  ["config check", /no file is named\nHint: use --config FILE/],
  ["list", /Cannot open the storage: none is configured\nHint: set storage/],
  ["validate -p /x", /Cannot validate: no backup is named/],
  ["describe -p /x -b %Y", /it is a pattern for the names of new backups/],
  ["describe -p /x -b a/b", /Cannot use the backup id "a\/b"/],
  ["list -p s3://b?access_key=x", /--path: Cannot read the storage location: credentials do not/],
  ["backup -p /x", /Cannot connect to the source broker: none is configured/],
  ["restore -p /x -b a --window 0", /--window: must be at least 1/],
  ["backup --compression zst", /--compression: expected one of zstd, lz4, none; did you mean "zst/],
  ["backup -b latest --amqp-url amqp://h", /"latest" stands for the newest backup/],
];

for (const [line, expected] of USAGE_ERRORS) {
  Deno.test(`usage error: ${line}`, async () => {
    const { exitCode, out, err } = await run(line.split(" "));
    assert.deepEqual([exitCode, out], [2, ""]);
    assert.match(err, expected);
    assert.ok(!err.includes(CANARY));
  });
}

Deno.test("--json reports errors of the command line as a line on stdout too", async () => {
  const { exitCode, out, err } = await run(["backup", "--json", "--nope"]);
  assert.equal(exitCode, 2);
  const line = JSON.parse(out);
  assert.deepEqual([line.message_type, line.code, line.exit_code], ["error", "usage", 2]);
  assert.match(err, /^Error: /);
});

Deno.test("-f json means --json for backup and restore too, and text is what is usual", async () => {
  for (const flags of [["-f", "json"], ["--format=json"], ["-fjson"], ["--json"]]) {
    for (const command of ["backup", "restore"]) {
      const { exitCode, out } = await run([command, "-p", "/x", "-b", "x", ...flags]);
      const { message_type, exit_code } = JSON.parse(out);
      assert.deepEqual([message_type, exit_code], ["error", exitCode]);
    }
    const misspelt = await run(["backup", ...flags, "--nope"]);
    assert.equal(JSON.parse(misspelt.out).code, "usage");
  }
  const text = await run(["backup", "-p", "/x", "-f", "text"]);
  assert.deepEqual([text.exitCode, text.out], [2, ""]);
});

const GOOD = `source: {amqp_url: 'amqp://me:\${PASSWORD}@mq.example'}\nstorage: /backups\n`;

Deno.test("definitions-import reads the file that is named, with --no-input or without", async () => {
  const line = "definitions-import --amqp-url amqp://h --input /nonexistent.json";
  for (const argv of [line, `${line} --no-input`, `--no-input ${line}`]) {
    const { exitCode, err } = await run(argv.split(" "));
    assert.equal(exitCode, 2);
    assert.match(err, /Cannot read \/nonexistent\.json: No such file/);
  }
});

Deno.test("config check says that a file is right, and what it is about", async () => {
  const variables = { PASSWORD: CANARY };
  const { exitCode, out, err } = await runWithFile(
    GOOD,
    ["config", "check", "-c", "FILE"],
    variables,
  );
  assert.deepEqual([exitCode, err], [0, ""]);
  assert.match(out, /^FILE is right\./);
  assert.match(
    out,
    /Source +amqp:\/\/me:\*\*\*@mq\.example, management at http:\/\/mq\.example:15672/,
  );
  assert.match(out, /Note: without TLS/);
  assert.ok(!out.includes(CANARY));
});

Deno.test("config check names unknown keys and unset variables with their places", async () => {
  const text = `${GOOD}backup:\n  compresion: lz4\n`;
  const { exitCode, out, err } = await runWithFile(text, ["config", "check", "-c", "FILE"]);
  assert.deepEqual([exitCode, out], [2, ""]);
  assert.match(err, /2 problems/);
  assert.match(err, /FILE:1:31: source\.amqp_url: the environment variable PASSWORD is not set/);
  assert.match(err, /FILE:4:3: backup\.compresion is unknown; did you mean "compression"\?/);
});

Deno.test("config show gives all values in force and masks secrets", async () => {
  const variables = { PASSWORD: CANARY };
  const { exitCode, out } = await runWithFile(GOOD, ["config", "show", "-c", "FILE"], variables);
  assert.equal(exitCode, 0);
  const shown = parse(out);
  assert.equal(shown.source.amqp_url, "amqp://me:***@mq.example");
  assert.equal(shown.source.management_password, "***");
  assert.equal(shown.backup.segment_max_bytes, 134217728);
  assert.ok(!out.includes(CANARY));
  const json = await runWithFile(GOOD, ["config", "show", "-c", "FILE", "--json"], variables);
  assert.deepEqual(JSON.parse(json.out), shown);
});

Deno.test("config schema prints the published schema", async () => {
  const { out } = await run(["config", "schema"]);
  const file = new URL("../../docs/config.schema.json", import.meta.url);
  assert.equal(out, await Deno.readTextFile(file));
});

Deno.test("a variable names the configuration file and the storage", async () => {
  const variables = { RABBITMQ_BACKUP_CONFIG: "/nonexistent.yaml" };
  assert.match((await run(["list"], variables)).err, /nonexistent\.yaml: no such file/);
  const { exitCode, out } = await run(["list"], { RABBITMQ_BACKUP_PATH: FIXTURES });
  assert.equal(exitCode, 0);
  assert.match(out, /^v1-lz4 /m);
});

Deno.test("list shows backups as text, JSON and YAML", async () => {
  const text = await run(["list", "-p", FIXTURES]);
  assert.equal(text.exitCode, 0);
  assert.match(text.out, /^ID +STATE +CREATED +AGE +QUEUES +MESSAGES +SIZE\n/);
  assert.match(text.out, /^v1-zstd +complete +2\d{3}-.* UTC .* 2 +120 +29\.8 KiB$/m);
  const json = JSON.parse((await run(["list", "-p", FIXTURES, "--json"])).out);
  assert.equal(json.v, 1);
  const lz4 = json.backups.find((backup: { backup_id: string }) => backup.backup_id === "v1-lz4");
  assert.deepEqual([lz4.state, lz4.queues, lz4.messages, lz4.format_version], [
    "complete",
    1,
    60,
    1,
  ]);
  assert.match(lz4.created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const yaml = await run(["list", "-p", FIXTURES, "-f", "yaml"]);
  assert.deepEqual(parse(yaml.out), json);
  const one = await run(["list", "-p", FIXTURES, "-b", "v1-lz4", "-f", "json"]);
  assert.deepEqual(JSON.parse(one.out).backups, [lz4]);
});

Deno.test("list shows what is asked for: by id, state and time", async () => {
  const ids = async (...flags: string[]) => {
    const { exitCode, out, err } = await run(["list", "-p", FIXTURES, "--json", ...flags]);
    assert.equal(exitCode, 0, err);
    return JSON.parse(out).backups.map(({ backup_id }: { backup_id: string }) => backup_id);
  };
  assert.deepEqual((await ids("-b", "v1-*")).length, 3);
  assert.deepEqual(await ids("-b", "v1-l*"), ["v1-lz4"]);
  assert.deepEqual(await ids("-b", "~z4$"), ["v1-lz4"]);
  assert.deepEqual(await ids("-b", "v1-z"), ["v1-zstd"]);
  assert.deepEqual(await ids("-b", "lz4"), []);
  assert.deepEqual((await ids("--state", "complete")).length, 3);
  assert.deepEqual(await ids("--state", "partial", "--state", "unfinished"), []);
  assert.deepEqual(await ids("--until", "2000-01-01T00:00:00Z"), []);
  assert.deepEqual((await ids("--since", "2000-01-01T00:00:00Z")).length, 3);

  const none = await run(["list", "-p", FIXTURES, "--state", "damaged"]);
  assert.match(none.out, /^No such backup in .*; there are 3 others\.$/m);
  for (const flags of [["--since", "soon"], ["--state", "done"], ["-b", "{"]]) {
    const { exitCode, err } = await run(["list", "-p", FIXTURES, ...flags]);
    assert.equal(exitCode, 2, err);
    assert.match(err, /^Error: Cannot /);
  }
});

Deno.test("describe and validate take the beginning of an id that only one backup has", async () => {
  const described = await run(["describe", "-p", FIXTURES, "-b", "v1-l", "--json"]);
  assert.equal(JSON.parse(described.out).backup_id, "v1-lz4");
  const valid = await run(["validate", "-p", FIXTURES, "-b", "v1-z", "--json"]);
  assert.equal(JSON.parse(valid.out).backup_id, "v1-zstd");
  const { exitCode, err } = await run(["describe", "-p", FIXTURES, "-b", "v1"]);
  assert.equal(exitCode, 2);
  assert.match(err, /Cannot describe "v1": 3 backups have an id that begins so\nHint: .*v1-none/);
});

Deno.test("init says what to do where it cannot write", async () => {
  const missing = await run(["init", "/nonexistent/backup.yaml"]);
  assert.equal(missing.exitCode, 1);
  assert.match(
    missing.err,
    /: there is no such folder\nHint: make the folder first, or name a file/,
  );
  const { err } = await run(["init", `${import.meta.filename}/backup.yaml`]);
  assert.match(err, /: a file stands where the folder should be\nHint: .*or - for stdout/);
});

Deno.test("warnings do not get into a JSON document", async () => {
  const file = `storage: ${FIXTURES}\nmetrics: {enabled: true}\n`;
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, file);
    const { out, err } = await run(["config", "check", "-c", path, "--json"]);
    assert.equal(JSON.parse(out).valid, true);
    assert.match(err, /^Warning: metrics\.enabled has no effect/);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("list of an empty folder says so", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { exitCode, out } = await run(["list", "-p", folder]);
    assert.equal(exitCode, 0);
    assert.match(out, /^No backups in /);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("list of a folder that is not there is an error: a disk may not be mounted", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { exitCode, out, err } = await run(["list", "-p", `${folder}/missing`]);
    assert.deepEqual([exitCode, out], [6, ""]);
    assert.match(err, /Cannot list .*missing: no such directory\nHint: .*mounted/);
    assert.match((await run(["list", "-p", folder, "-b", "x"])).out, /^No backups in /);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("list -b of an id that is not there says that there are others", async () => {
  const { exitCode, out } = await run(["list", "-p", FIXTURES, "-b", "v1-lz5"]);
  assert.equal(exitCode, 0);
  assert.match(out, /^No backup in .* matches "v1-lz5"; there are 3 others; did you mean "v1-lz4"/);
  const json = await run(["list", "-p", FIXTURES, "-b", "nosuch", "--json"]);
  assert.deepEqual(JSON.parse(json.out).backups, []);
});

Deno.test("describe -f json gives times as all JSON does", async () => {
  const { out } = await run(["describe", "-p", FIXTURES, "-b", "v1-lz4", "-f", "json"]);
  const { created_at, completed_at, queues: [queue] } = JSON.parse(out);
  const [segment] = queue.segments;
  const times = [
    created_at,
    completed_at,
    queue.first_message_timestamp,
    queue.last_message_timestamp,
    segment.first_timestamp,
    segment.last_timestamp,
  ];
  for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

Deno.test("describe shows a manifest, the newest one for latest", async () => {
  const text = await run(["describe", "-p", FIXTURES, "-b", "latest"]);
  assert.match(text.out, /^Backup +v1-none$/m);
  assert.match(text.out, /^fx +fx\.classic +classic +60 /m);
  const json = await run(["describe", "-p", FIXTURES, "-b", "v1-zstd", "-f", "json"]);
  assert.equal(JSON.parse(json.out).queues.length, 2);
});

Deno.test("describe of a backup that is not there exits with 10 and names the nearest", async () => {
  const { exitCode, err } = await run(["describe", "-p", FIXTURES, "-b", "v1-zstf"]);
  assert.equal(exitCode, 10);
  assert.match(err, /"v1-zstd"/);
});

Deno.test("validate says that a backup is whole, or damaged with exit code 4", async () => {
  const whole = await run(["validate", "-p", FIXTURES, "-b", "v1-zstd", "--deep"]);
  assert.deepEqual([whole.exitCode, whole.err], [0, ""]);
  assert.match(whole.out, /^ok Backup v1-zstd is whole: 6 segments and 120 records were read\.\n$/);
  const folder = await Deno.makeTempDir();
  try {
    await new Deno.Command("cp", { args: ["-r", `${FIXTURES}/v1-lz4`, folder] }).output();
    await Deno.remove(`${folder}/v1-lz4/queues/fx/fx.classic/segment-0002.lz4`);
    const damaged = await run(["validate", "-p", folder, "-b", "v1-lz4"]);
    assert.equal(damaged.exitCode, 4);
    assert.match(damaged.out, /x fx\.classic \(fx\), v1-lz4\/.*segment-0002\.lz4: it is missing/);
    assert.match(damaged.out, /Backup v1-lz4 is DAMAGED: 1 problem;/);
    const json = await run(["validate", "-p", folder, "-b", "v1-lz4", "--json"]);
    assert.equal(json.exitCode, 4);
    const report = JSON.parse(json.out);
    assert.deepEqual([report.valid, report.problems.length], [false, 1]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a broker that is not there: exit code 5, and no password anywhere", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // Port 1 of loopback: nobody listens there.
    const login = `amqp://me:${CANARY}@127.0.0.1:1`;
    const rest = ["-p", folder, "--management-url", "http://127.0.0.1:1", "--spool-dir", folder];
    const argv = ["backup", ...rest, "--db-path", `${folder}/db`, "-vv"];
    const byFlag = await run([...argv, "--amqp-url", login]);
    assert.equal(byFlag.exitCode, 5);
    assert.match(byFlag.err, /^Warning: the password in --amqp-url can be seen/);
    const byVariable = await run([...argv, "--json"], { RABBITMQ_BACKUP_AMQP_URL: login });
    assert.equal(byVariable.exitCode, 5);
    assert.equal(JSON.parse(byVariable.out.trim().split("\n").at(-1)!).code, "broker_unreachable");
    for (const { out, err } of [byFlag, byVariable]) assert.ok(!(out + err).includes(CANARY));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("version says what a bug report should", async () => {
  const { exitCode, out } = await run(["version", "--json"]);
  assert.equal(exitCode, 0);
  const { version, commit, build, runtime, formats } = JSON.parse(out);
  assert.deepEqual([version, commit, build], [VERSION, null, "sources"]);
  assert.equal(runtime.deno, Deno.version.deno);
  assert.deepEqual(formats.backup, [1, 2]);
  assert.ok(Number.isInteger(formats.checkpoint));
  assert.match((await run(["version"])).out, RegExp(`^rabbitmq-backup ${VERSION} \\(sources`));
});

Deno.test("init writes a private file, and never over one that exists", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/new.yaml`;
    const first = await run(["init", path, "--mode", "restore"]);
    assert.equal(first.exitCode, 0, first.err);
    assert.ok(first.out.includes(`config check --config ${path}`));
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    const text = await Deno.readTextFile(path);
    assert.equal((await run(["init", "-", "--mode", "restore"])).out, text);
    const check = await run(["config", "check", "-c", path], { RABBITMQ_PASSWORD: CANARY });
    assert.equal(check.exitCode, 0, check.err);
    const second = await run(["init", path]);
    assert.equal(second.exitCode, 7);
    assert.match(second.err, /Cannot write .*: it exists/);
    assert.equal(await Deno.readTextFile(path), text);
    assert.equal((await run(["init", `${folder}/none/new.yaml`])).exitCode, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("completions prints a script, and its words come without a sound", async () => {
  assert.match((await run(["completions", "zsh"])).out, /^#compdef rabbitmq-backup/);
  assert.equal((await run(["completions", "tcsh"])).exitCode, 2);
  const silent = await run(["complete", "--", "describe", "--path", "s3://", "--backup-id", ""]);
  assert.deepEqual(silent, { exitCode: 0, out: "", err: "" });
});
