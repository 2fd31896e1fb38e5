import assert from "node:assert/strict";
import { AppError } from "../errors.ts";
import { loadConfig, type LoadedConfig, type LoadOptions } from "./load.ts";

const CANARY = "canary-5d1c";

interface Case extends Omit<Partial<LoadOptions>, "env" | "path"> {
  readonly variables?: Record<string, string>;
  readonly fileMode?: number;
}

/** Loads a configuration with this text; its file is always called `c.yaml` in messages. */
async function load(
  text: string | Uint8Array<ArrayBuffer>,
  options: Case = {},
): Promise<LoadedConfig> {
  const { variables = {}, fileMode = 0o600, ...rest } = options;
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/c.yaml`;
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    await Deno.writeFile(path, bytes);
    await Deno.chmod(path, fileMode);
    const env = (name: string) => ({ HOME: "/home/op", ...variables })[name];
    return await loadConfig({ path, env, ...rest });
  } catch (error) {
    if (error instanceof AppError) error.message = error.message.replaceAll(`${folder}/`, "");
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The message with which a configuration is refused. */
async function refusal(text: string | Uint8Array<ArrayBuffer>, options?: Case): Promise<string> {
  try {
    await load(text, options);
  } catch (error) {
    assert.ok(error instanceof AppError, Deno.inspect(error));
    assert.equal(error.code, "config");
    assert.ok(!Deno.inspect(error).includes(CANARY), Deno.inspect(error));
    return error.message;
  }
  return assert.fail(`accepted: ${text}`);
}

const FULL = `
mode: backup
backup_id: nightly-%Y%m%d
source:
  amqp_url: amqp://me:\${PASSWORD}@mq.example
  stream_port: \${STREAM_PORT}
  queues:
    include: [orders.*, "~^pay"]
    vhosts: /
    min_messages: 1
storage:
  backend: filesystem
  path: ~/backups
  prefix: /prod/
backup:
  segment_max_bytes: 64MiB
  include_definitions: \${DEFINITIONS:-false}
`;

Deno.test("loadConfig() resolves a file: references, defaults, derived values", async () => {
  const variables = { PASSWORD: "p%40ss", STREAM_PORT: "5999" };
  const { config, warnings } = await load(FULL, { variables, mode: "backup" });
  assert.deepEqual(warnings, []);
  assert.equal(config.source?.amqp_url.password?.reveal(), "p@ss");
  assert.equal(config.source?.management_url, "http://mq.example:15672");
  assert.equal(config.source?.management_username, "me");
  assert.equal(config.source?.management_password.reveal(), "p@ss");
  assert.equal(config.source?.stream_port, 5999);
  assert.deepEqual(config.source?.tls, { enabled: false });
  assert.deepEqual(config.source?.queues, {
    include: ["orders.*", "~^pay"],
    exclude: [],
    vhosts: ["/"],
    types: [],
    min_messages: 1,
  });
  assert.equal(config.target, undefined);
  assert.deepEqual(config.storage, {
    backend: "filesystem",
    path: "/home/op/backups",
    prefix: "prod",
  });
  assert.equal(config.backup_id, "nightly-%Y%m%d");
  assert.equal(config.backup.segment_max_bytes, 64 * 2 ** 20);
  assert.equal(config.backup.include_definitions, false);
  assert.equal(config.backup.compression, "zstd");
  assert.equal(config.backup.prefetch_count, undefined);
  assert.equal(config.restore.window, 4000);
  assert.equal(config.restore.if_not_empty, "fail");
  assert.match(config.offset_storage.db_path, /^\/home\/op\/\.local\/state\/rabbitmq-backup\//);
  assert.match(config.backup.spool_dir, /^\/home\/op\/\.local\/state\/rabbitmq-backup\//);
});

Deno.test("loadConfig() has the documented defaults without any file", async () => {
  const { config } = await loadConfig({ env: () => undefined });
  assert.equal(config.backup.segment_max_bytes, 128 * 2 ** 20);
  assert.equal(config.backup.segment_max_interval_ms, 60_000);
  assert.equal(config.backup.compression_level, undefined);
  assert.equal(config.backup.requeue_strategy, "auto");
  assert.equal(config.backup.max_concurrent_queues, 4);
  assert.equal(config.backup.on_hazard, "refuse");
  assert.equal(config.metrics.bind_address, "127.0.0.1");
  assert.equal(config.source, undefined);
  assert.equal(config.storage, undefined);
});

Deno.test("loadConfig() lets a flag win over a variable over the file", async () => {
  const overrides = [
    { path: ["backup", "compression"], value: "lz4", origin: "RABBITMQ_BACKUP_COMPRESSION" },
    { path: ["backup", "prefetch_count"], value: "77", origin: "RABBITMQ_BACKUP_PREFETCH_COUNT" },
    { path: ["backup", "compression"], value: "none", origin: "--compression" },
    { path: ["storage"], value: "file:///data", origin: "--path" },
  ];
  const file = "storage: {backend: memory}\nbackup: {compression: zstd, compression_level: 5}\n";
  const { config } = await load(file, { overrides });
  assert.equal(config.backup.compression, "none");
  assert.equal(config.backup.prefetch_count, 77);
  assert.equal(config.backup.compression_level, 5);
  assert.deepEqual(config.storage, { backend: "filesystem", path: "/data", prefix: "" });
});

Deno.test("loadConfig() turns TLS on by scheme or by switch, and moves the ports", async () => {
  const bySwitch = await load(
    "source: {amqp_url: 'amqp://mq', tls: {enabled: true, ca_cert: ~/c}}",
  );
  assert.equal(bySwitch.config.source?.amqp_url.masked, "amqps://mq");
  assert.equal(bySwitch.config.source?.amqp_url.port, 5671);
  assert.equal(bySwitch.config.source?.management_url, "https://mq:15671");
  assert.deepEqual(bySwitch.config.source?.tls, { enabled: true, ca_cert: "/home/op/c" });
  const byScheme = await load("source: {amqp_url: 'amqps://[::1]:7000'}");
  assert.equal(byScheme.config.source?.tls.enabled, true);
  assert.equal(byScheme.config.source?.management_url, "https://[::1]:15671");
});

Deno.test("loadConfig() takes the address of the API itself as management_url as well", async () => {
  for (
    const [written, expected] of [["/api", ""], ["/api/", ""], ["/mq/api//", "/mq"], ["/", ""]]
  ) {
    const { config } = await load(
      `source: {amqp_url: 'amqp://a:b@mq', management_url: 'http://mq:15672${written}'}`,
    );
    assert.equal(config.source?.management_url, `http://mq:15672${expected}`);
  }
});

Deno.test("loadConfig() takes credentials out of management_url", async () => {
  const { config } = await load(
    `source: {amqp_url: 'amqp://a:b@mq', management_url: 'https://m:${CANARY}@web/rabbit/'}`,
  );
  assert.equal(config.source?.management_url, "https://web/rabbit");
  assert.equal(config.source?.management_username, "m");
  assert.equal(config.source?.management_password.reveal(), CANARY);
  assert.ok(!JSON.stringify(config).includes(CANARY));
  assert.ok(!Deno.inspect(config, { depth: 20 }).includes(CANARY));
});

Deno.test("loadConfig() reads secrets from files of their own", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, `${CANARY}\n`);
    const { config } = await load(
      `target: {amqp_url: 'amqp://mq', management_password_file: ${file}}`,
    );
    assert.equal(config.target?.management_password.reveal(), CANARY);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("loadConfig() shares mappings by anchors and merge keys", async () => {
  const { config } = await load(
    "source: &mq\n  amqp_url: amqp://mq\n  stream_port: 1\ntarget:\n  <<: *mq\n  stream_port: 2\n",
  );
  assert.equal(config.target?.amqp_url.hostname, "mq");
  assert.equal(config.target?.stream_port, 2);
});

Deno.test("loadConfig() takes a key without a value as not written", async () => {
  const { config } = await load("backup:\n  # compression: lz4\nmode:\nstorage: /x\n");
  assert.equal(config.backup.compression, "zstd");
  assert.equal(config.mode, undefined);
});

Deno.test("loadConfig() passes over sections that the command does not need", async () => {
  const text = "source: {amqp_url: '${UNSET}'}\nstorage: /x\n";
  const { config } = await load(text, { sections: ["storage"] });
  assert.equal(config.source, undefined);
  assert.equal(config.storage?.backend, "filesystem");
  assert.match(await refusal(text), /UNSET is not set/);
  assert.match(await refusal("storag: /x\n", { sections: ["storage"] }), /did you mean "storage"/);
});

const REFUSED: [text: string, expected: RegExp][] = [
  // Keys
  ["sorce: {}", /c\.yaml:1:1: sorce is unknown; did you mean "source"\?/],
  ["source:\n  amqp_ulr: x", /c\.yaml:2:3: source\.amqp_ulr is unknown; did you mean "amqp_url"\?/],
  ["source:\n  queues:\n    includes: x", /c\.yaml:3:5: .*did you mean "include"/],
  ["source: {tls: {ca_crt: x}}", /c\.yaml:1:16: .*did you mean "ca_cert"/],
  ["storage: {backend: filesystem, pth: /x}", /storage\.pth is unknown; did you mean "path"/],
  ["storage: {backend: memory, prefixx: /x}", /did you mean "prefix"/],
  ["restore: {queues: {excludes: []}}", /did you mean "exclude"/],
  ["compression: zstd", /compression is unknown; it belongs under "backup"/],
  ["backup: {amqp_url: x}", /it belongs under "source" or "target"/],
  ["metrics: {banana: 1}", /known here: enabled, port, bind_address/],
  ["restore: {produce_batch_size: 100}", /produce_batch_size: there are no batches/],
  // Types and values
  ["source: 5", /source: expected keys with values, found a number/],
  ["source: {stream_port: high}", /source\.stream_port: expected a number, found text/],
  ["source: {stream_port: 0}", /stream_port: must be at least 1/],
  ["source: {stream_port: 70000}", /stream_port: must be at most 65535/],
  ["source: {stream_port: 1.5}", /stream_port: expected a whole number/],
  ["backup: {max_concurrent_queues: '4'}", /expected a number, found text/],
  ["backup_id: 2025", /backup_id: expected text, found a number; put it in quotes/],
  ["backup_id: a b", /backup_id: Cannot use the backup id "a b"/],
  ["backup_id: '%Q'", /"%Q" is unknown/],
  ["backup: {compression: zst}", /expected one of zstd, lz4, none; did you mean "zstd"\?/],
  ["backup: {include_definitions: yes}", /include_definitions: expected true or false, found text/],
  ["backup: {segment_max_bytes: 128XB}", /expected a size from 64KiB to 1TiB/],
  ["backup: {segment_max_bytes: 1}", /segment_max_bytes: must be at least 65536/],
  ["backup: {segment_max_bytes: 1KiB}", /expected a size from 64KiB to 1TiB/],
  ["backup: {segment_max_bytes: true}", /expected a size from 64KiB to 1TiB/],
  ["offset_storage: {backend: postgres}", /offset_storage\.backend: expected sqlite/],
  ["source: {queues: {include: [1]}}", /c\.yaml:1:29: source\.queues\.include\[0\]: expected text/],
  ["source: {queues: {include: {a: 1}}}", /include: expected a list of name patterns/],
  ["source: {queues: {include: ['a[']}}", /include\[0\]: Cannot use the name pattern "a\["/],
  ["source: {queues: {types: [clasic]}}", /types\[0\]: .*did you mean "classic"/],
  ["restore: {queues: {exclude: '~('}}", /restore\.queues\.exclude\[0\]: .*regular expression/],
  ["storage: 5", /storage: expected text or keys with values/],
  ["storage: ''", /storage: must not be empty/],
  ["storage: {}", /storage\.backend: is missing; use "filesystem"/],
  ["storage: {backend: filesystem}", /storage\.path: is missing/],
  ["storage: {backend: s3}", /storage\.bucket: is missing/],
  [
    "storage: {backend: s3, bucket: b, access_key: a}",
    /storage\.access_key: belongs together with/,
  ],
  [
    "storage: {backend: s3, bucket: b, endpoint: 'http://h'}",
    /storage\.endpoint: begins with http:/,
  ],
  ["storage: {backend: s3, bucket: b, endpoint: h}", /storage\.endpoint: /],
  ["storage: {backend: s3, bucket: b, sse_kms_key_id: k}", /sse_kms_key_id: needs sse: aws:kms/],
  [
    "storage: {backend: s3, bucket: b, object_lock_days: 3}",
    /object_lock_mode and object_lock_days/,
  ],
  [
    "storage: {backend: s3, bucket: b, storage_class: GLACIER}",
    /storage_class: expected one of STAND/,
  ],
  ["storage: {backend: azure, account_name: a}", /storage\.container_name: is missing/],
  [
    `storage: {backend: azure, account_name: a, container_name: c, sas_token: ${CANARY}, account_key: x}`,
    /storage\.account_key: give one of account_key, sas_token/,
  ],
  ["storage: {backend: gcs, bucket: b, region: x}", /storage\.region is unknown/],
  ["storage: {backend: s3, bucket: b, part_size: 1MiB}", /part_size: expected a size from 5MiB/],
  ["storage: 's3://bucket?endpoint=http://h'", /storage: endpoint begins with http:/],
  ["storage: {backend: filesytem}", /did you mean "filesystem"/],
  ["storage: {backend: memory, prefix: a/../b}", /storage\.prefix: expected names of folders/],
  // Endpoints
  [
    `source: {amqp_url: '${CANARY}'}`,
    /source\.amqp_url: Cannot read the AMQP URL: it is not a URL/,
  ],
  [`source: {amqp_url: 'http://u:${CANARY}@h'}`, /does not start with amqp:\/\//],
  [`source: {amqp_url: amqp://h, amqp_url_file: /x}`, /give either this or amqp_url, not both/],
  [`source: {amqp_url_file: /nonexistent/x}`, /amqp_url_file: the file cannot be read/],
  [`source: {amqp_url: amqp://h, management_url: '${CANARY}'}`, /expected a URL such as http/],
  [`source: {amqp_url: amqp://h, management_url: 'ftp://${CANARY}'}`, /begins with http:\/\//],
  [`source: {amqp_url: amqp://h, management_url: 'http://u:%zz@h'}`, /'%' in it is not followed/],
  ["source: {amqp_url: 'amqp://a:b@h', management_username: c}", /management_password is needed/],
  ["source: {amqp_url: amqps://h, tls: {enabled: false}}", /amqp_url begins with amqps/],
  ["source: {amqp_url: amqp://h, tls: {ca_cert: x}}", /has files for TLS, but/],
  ["source: {amqp_url: amqps://h, tls: {client_cert: x}}", /belong together/],
  // Variables
  [
    "storage:\n  backend: filesystem\n  path: a/${NOPE}",
    /^Cannot[^\n]*c\.yaml:3:11: storage\.path: the environment variable NOPE is not set[^\n]*$/,
  ],
  ["storage: ${", /a reference to a variable is malformed/],
  ["source: {stream_port: '${HOME}'}", /stream_port: expected a number, found text/],
  // YAML
  ["", /c\.yaml:1:1: the file is empty/],
  ["# nothing\n", /the file is empty/],
  ["- a", /expected keys with values/],
  ["just text", /expected keys with values/],
  ["mode: backup\nmode: backup", /c\.yaml:2:1: this key is written twice/],
  ["source:\n\tamqp_url: x", /c\.yaml:2:1: a tab is used to indent/],
  [`mode: backup\n---\nmode: restore`, /c\.yaml:2:1: a second document begins/],
  [`source: {amqp_url: *${CANARY}}`, /quote text with a '\*'/],
  [`source: {amqp_url: @${CANARY}}`, /put it in quotes/],
  [`source: {amqp_url: "\\q${CANARY}"}`, /unknown escape/],
  [`source: {amqp_url: !${CANARY} x}`, /tags with '!' are not used here/],
  [`source: {amqp_url: "${CANARY}}`, /missing before this|bracket is not closed/],
  [`source:\n  amqp_url: ${CANARY}: x`, /a key where none can be/],
  [`? [${CANARY}]\n: 1`, /a key must be plain text/],
  [`"amqp://u:${CANARY}@h": 1`, /a key of the file is unknown/],
  ["source: &a\n  tls: *a", /holds too much/],
  ["<<: 5", /'<<' must be followed by a mapping/],
];

for (const [text, expected] of REFUSED) {
  Deno.test(`loadConfig() refuses ${JSON.stringify(text)}`, async () => {
    assert.match(await refusal(text), expected);
  });
}

Deno.test("loadConfig() reports everything at once, each with its place", async () => {
  const message = await refusal(
    "mode: bakup\nsource:\n  amqp_url: ${NOPE}\n  port: 1\nbackup:\n  compression_level: 99\n",
  );
  assert.match(message, /4 problems/);
  for (const place of ["1:1", "3:13", "4:3", "6:3"]) {
    assert.match(message, RegExp(`c.yaml:${place}:`));
  }
});

Deno.test("loadConfig() names the flag or variable that is wrong", async () => {
  const overrides = [
    { path: ["backup", "prefetch_count"], value: CANARY, origin: "RABBITMQ_BACKUP_PREFETCH_COUNT" },
    { path: ["source", "queues", "include"], value: ["a", "{b"], origin: "--include" },
  ];
  assert.match(await refusal("mode: backup", { overrides }), /: RABBITMQ_BACKUP_PREFETCH_COUNT: /);
  assert.match(await refusal("mode: backup", { overrides: overrides.slice(1) }), /: --include: /);
});

Deno.test("loadConfig() refuses a file that is for the other direction", async () => {
  assert.match(
    await refusal("mode: restore", { mode: "backup" }),
    /c\.yaml:1:1: this file is for restore, and the command is backup: .*--config, or take the line/,
  );
});

Deno.test("loadConfig() never lets a variable add keys", async () => {
  const variables = { EVIL: "x\nstorage: /evil", HOST: "']}}\nstorage: /evil\n#" };
  const { config } = await load(
    "backup_id: ok\nsource: {queues: {include: ['${EVIL}', '${HOST}']}}",
    {
      variables,
    },
  );
  assert.equal(config.storage, undefined);
  assert.deepEqual(config.source, undefined);
});

Deno.test("loadConfig() warns of a password that others can read, and only then", async () => {
  const literal = `source: {amqp_url: 'amqp://u:${CANARY}@h'}\n`;
  const { warnings } = await load(literal, { fileMode: 0o644 });
  assert.match(
    warnings[0]!.message,
    /holds a password and can be read by other users \(mode 0644\)/,
  );
  assert.ok(!JSON.stringify(warnings).includes(CANARY));
  assert.deepEqual((await load(literal, { fileMode: 0o600 })).warnings, []);
  const reference = "source: {amqp_url: 'amqp://u:${P}@h'}\n";
  assert.deepEqual(
    (await load(reference, { fileMode: 0o644, variables: { P: "x" } })).warnings,
    [],
  );
  const password = `source: {amqp_url: amqp://h, management_password: ${CANARY}}\n`;
  assert.equal((await load(password, { fileMode: 0o640 })).warnings.length, 1);
});

Deno.test("loadConfig() warns that metrics are not active", async () => {
  const { warnings } = await load("metrics: {enabled: true}");
  assert.match(warnings[0]!.message, /metrics\.enabled has no effect/);
});

Deno.test("loadConfig() says why a file cannot be read", async () => {
  assert.match(await refusal(new Uint8Array([0xff, 0xfe, 0x41])), /not UTF-8/);
  assert.match(await refusal(" ".repeat((1 << 20) + 1)), /larger than 1 MiB/);
  const env = () => undefined;
  await assert.rejects(loadConfig({ path: "/nonexistent.yaml", env }), /no such file/);
  await assert.rejects(loadConfig({ path: "/", env }), /it is a folder/);
  const withMark = await load("\ufeffstorage: /x\n");
  assert.equal(withMark.config.storage?.backend, "filesystem");
});
