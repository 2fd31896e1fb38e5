import assert from "node:assert/strict";
import { loadConfig } from "../config/load.ts";
import { nameOf, type SettingGroup } from "../console/setting.ts";
import { collectOverrides, keyOf, variableOf } from "./settings.ts";
import * as groups from "./setting_groups.ts";

const ALL: SettingGroup[] = [
  groups.brokerSettings("source"),
  groups.queueSettings("source.queues"),
  groups.STORAGE_SETTINGS,
  groups.BACKUP_SETTINGS,
  groups.PROGRESS_SETTINGS,
];

Deno.test("collectOverrides() takes variables, then flags, and names where each came from", () => {
  const env: Record<string, string> = {
    RABBITMQ_BACKUP_COMPRESSION: "lz4",
    RABBITMQ_BACKUP_INCLUDE: "a.*, b{1,2}, c\\,d,~^[x,y]$",
    RABBITMQ_BACKUP_INCLUDE_DEFINITIONS: "false",
    RABBITMQ_BACKUP_MANAGEMENT_PASSWORD: "secret",
    RABBITMQ_BACKUP_EXCLUDE: "",
  };
  const flags = { compression: "none", vhost: ["/"] };
  assert.deepEqual(collectOverrides(ALL, { env: (name) => env[name], flags }), [
    {
      path: ["source", "management_password"],
      value: "secret",
      origin: "RABBITMQ_BACKUP_MANAGEMENT_PASSWORD",
    },
    {
      path: ["source", "queues", "include"],
      value: ["a.*", "b{1,2}", "c\\,d", "~^[x,y]$"],
      origin: "RABBITMQ_BACKUP_INCLUDE",
    },
    { path: ["backup", "compression"], value: "lz4", origin: "RABBITMQ_BACKUP_COMPRESSION" },
    {
      path: ["backup", "include_definitions"],
      value: "false",
      origin: "RABBITMQ_BACKUP_INCLUDE_DEFINITIONS",
    },
    { path: ["source", "queues", "vhosts"], value: ["/"], origin: "--vhost" },
    { path: ["backup", "compression"], value: "none", origin: "--compression" },
  ]);
});

/** A value that the schema accepts for each setting. */
const SAMPLES: Record<string, unknown> = {
  "amqp-url": "amqps://me@mq",
  "management-url": "https://mq",
  "management-password": "x",
  "backup-id": "a",
  type: ["quorum"],
  "min-messages": "1",
  compression: "none",
  "compression-level": "5",
  "max-concurrent-queues": "2",
  "prefetch-count": "9",
  "requeue-strategy": "get",
  "on-hazard": "warn",
  "segment-max-bytes": "1MiB",
  partial: "oldest",
  "in-flight": "accept",
  "max-hold-secs": "60",
  "stream-incremental": "true",
  "stream-from": "-2h",
  "archive-format": "rbak-v1",
  "include-definitions": "false",
  "if-not-empty": "skip",
  "create-missing-queues": "false",
  window: "7",
  "publish-mode": "exchange",
  "accept-fanout": "true",
  "on-undelivered": "fail",
  "user-id": "header",
  "dedupe-header": "x-restore-id",
  "messages-per-sec": "100",
  "bytes-per-sec": "1MiB",
  "reconnect-secs": "10",
  "time-window-start": "yesterday 14:00",
  "time-window-end": "-2h",
  "time-window-field": "timestamp",
  "max-messages-per-queue": "5",
  "vhost-mapping": ["a=b"],
  "queue-mapping": ["~^(?=a)(.*)$=x.$1"],
  "exchange-mapping": ["amq.default=b"],
  "create-missing-vhosts": "true",
  "queue-type-mapping": ["classic=quorum"],
  "restore-definitions": "true",
  "definitions-dry-run": "true",
  "select-users": "true",
  transformations: ["exclude_users,no_op", "drop_empty_policies"],
  "rename-vhost": ["a=b", "c=d=e"],
  "sync-interval-secs": "30",
  "allow-version-mismatch": "true",
  "skip-unsupported": "true",
};

Deno.test("every setting is one that the configuration knows", async () => {
  const restore = [
    groups.brokerSettings("target"),
    groups.queueSettings("restore.queues"),
    groups.STORAGE_SETTINGS,
    groups.MESSAGE_SETTINGS,
    groups.MAPPING_SETTINGS,
    groups.RESTORE_SETTINGS,
    groups.definitionsSettings("restore"),
    groups.IMPORT_SETTINGS,
    groups.ROLLBACK_SETTINGS,
    groups.PROGRESS_SETTINGS,
  ];
  for (const side of [ALL, restore]) {
    for (const setting of side.flatMap(({ settings }) => settings)) {
      const name = nameOf(setting);
      if (name.endsWith("-file") || name.startsWith("tls-client")) continue;
      const value = SAMPLES[name] ?? (setting.list ? ["x"] : "x");
      const flags = { [keyOf(name)]: value };
      // The other settings of an endpoint mean something only beside a URL.
      const isEndpoint = /^(source|target)\.[^q]/.test(setting.path);
      if (isEndpoint) Object.assign(flags, { amqpUrl: "amqps://mq", managementPassword: "x" });
      const overrides = collectOverrides(side, { env: () => undefined, flags });
      assert.ok(overrides.length > 0, name);
      await loadConfig({ env: () => undefined, overrides });
    }
  }
});

Deno.test("flags and variables follow one rule", () => {
  const setting = { flags: "-p, --max-concurrent-queues <n>", path: "x", help: "" };
  assert.equal(nameOf(setting), "max-concurrent-queues");
  assert.equal(nameOf({ ...setting, flags: "--no-include-definitions" }), "include-definitions");
  assert.equal(variableOf("max-concurrent-queues"), "RABBITMQ_BACKUP_MAX_CONCURRENT_QUEUES");
  assert.equal(keyOf("max-concurrent-queues"), "maxConcurrentQueues");
});
