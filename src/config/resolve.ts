import { dirname, join } from "node:path";
import { expandBackupId } from "./backup_id.ts";
import type {
  Config,
  DefinitionsChoice,
  QueueFilter,
  RestoreOptions,
  StorageConfig,
} from "./config.ts";
import { resolveEndpoint } from "./endpoint.ts";
import { attempt, expandHome, type ResolveContext } from "./resolve_context.ts";
import { parseHeaderPattern } from "./header_pattern.ts";
import type { Environment } from "./interpolate.ts";
import { compileMapping } from "./name_mapping.ts";
import { compileName } from "./name_pattern.ts";
import type { ConfigPath } from "./problem.ts";
import { type ConfigFile, SectionSchemas } from "./schema.ts";
import { storageProblems } from "./storage.ts";
import { parseStorageLocation } from "./storage_url.ts";

const SYNC_INTERVAL_SECONDS = 30;

/** Turns the checked file into what the program works with: defaults, endpoints, places. */
export async function resolveConfig(file: ConfigFile, context: ResolveContext): Promise<Config> {
  checkId(file, context);
  const source = await resolveEndpoint("source", file.source, context);
  const target = await resolveEndpoint("target", file.target, context);
  const storage = resolveStorage(file.storage, context);
  const restore = file.restore ?? SectionSchemas.restore.parse({});
  const state = stateFolder(context.env);
  const { spool_dir, prefetch_count, ...backup } = file.backup ?? SectionSchemas.backup.parse({});
  backup.queue_overrides.forEach(({ queues, vhosts = [] }, index) => {
    const path = ["backup", "queue_overrides", index];
    checkPatterns(queues, [...path, "queues"], context);
    checkPatterns(vhosts, [...path, "vhosts"], context);
  });
  checkSelection(backup.definitions_selection, "backup", context);
  const offsets = file.offset_storage ?? SectionSchemas.offset_storage.parse({});
  const dbPath = expandHome(offsets.db_path ?? `${state}/checkpoint.db`, context.env);
  const sourceQueues = filter(file.source?.queues, ["source", "queues"], context);
  return {
    ...(file.mode && { mode: file.mode }),
    ...(file.backup_id !== undefined && { backup_id: file.backup_id }),
    ...(source && { source: { ...source, queues: sourceQueues } }),
    ...(target && { target }),
    ...(storage && { storage }),
    backup: {
      ...backup,
      ...(prefetch_count !== undefined && { prefetch_count }),
      spool_dir: expandHome(spool_dir ?? `${state}/spool`, context.env),
    },
    restore: resolveRestore(restore, { ...context, dbPath }),
    offset_storage: {
      ...offsets,
      db_path: dbPath,
      sync_interval_secs: offsets.sync_interval_secs ?? backup.sync_interval_secs ??
        SYNC_INTERVAL_SECONDS,
    },
    metrics: file.metrics ?? SectionSchemas.metrics.parse({}),
  };
}

function checkId(file: ConfigFile, context: ResolveContext): void {
  const { backup_id } = file;
  if (backup_id === undefined || file.mode !== "backup" && backup_id === "latest") return;
  attempt(["backup_id"], context, () => expandBackupId(backup_id, new Date(0)));
}

function resolveStorage(
  storage: ConfigFile["storage"],
  context: ResolveContext,
): StorageConfig | undefined {
  const config = typeof storage === "string"
    ? attempt(["storage"], context, () => parseStorageLocation(storage))
    : storage;
  if (config === undefined) return undefined;
  for (const { key, problem } of storageProblems(config)) {
    const path = typeof storage === "string" ? ["storage"] : ["storage", key];
    context.report(
      path,
      typeof storage === "string" ? `storage: ${key} ${problem}` : `storage.${key}: ${problem}`,
    );
  }
  const expanded = { ...config };
  for (const key of ["path", "ca_cert", "service_account_path"] as const) {
    const path = (expanded as Record<string, unknown>)[key];
    if (typeof path === "string") Object.assign(expanded, { [key]: expandHome(path, context.env) });
  }
  return expanded;
}

/** With the defaults of what is written as a whole; every pattern compiles. */
function resolveRestore(
  restore: NonNullable<ConfigFile["restore"]>,
  context: ResolveContext & { dbPath: string },
): RestoreOptions {
  const messages = { headers: [], routing_keys: [], exchanges: [], ...restore.messages };
  for (const key of ["routing_keys", "exchanges"] as const) {
    checkPatterns(messages[key], ["restore", "messages", key], context);
  }
  messages.headers.forEach((header, index) =>
    attempt(["restore", "messages", "headers", index], context, () => parseHeaderPattern(header))
  );
  checkPatterns(restore.drop_queue_arguments, ["restore", "drop_queue_arguments"], context);
  for (const key of ["vhost_mapping", "queue_mapping", "exchange_mapping"] as const) {
    attempt(["restore", key], context, () => compileMapping(restore[key]));
  }
  const { definitions_rollback_dir: rollbackDir, ...others } = restore;
  checkSelection(restore.definitions_selection, "restore", context);
  const undelivered = restore.undelivered_path ?? join(dirname(context.dbPath), "undelivered");
  return {
    ...others,
    undelivered_path: expandHome(undelivered, context.env),
    messages,
    queues: filter(restore.queues, ["restore", "queues"], context),
    definitions_rollback_dir: expandHome(
      rollbackDir ?? `${stateFolder(context.env)}/rollback`,
      context.env,
    ),
  };
}

/** The filter with its defaults; every pattern in it compiles. */
function filter(
  queues: Partial<QueueFilter> | undefined,
  path: ConfigPath,
  context: ResolveContext,
): QueueFilter {
  const complete = {
    include: [],
    exclude: [],
    vhosts: [],
    types: [],
    min_messages: 0,
    ...queues,
  };
  for (const key of ["include", "exclude", "vhosts"] as const) {
    checkPatterns(complete[key], [...path, key], context);
  }
  return complete;
}

function checkSelection(
  selection: DefinitionsChoice["definitions_selection"],
  section: "backup" | "restore",
  context: ResolveContext,
): void {
  for (const key of ["vhosts", "queues", "exchanges"] as const) {
    checkPatterns(selection[key], [section, "definitions_selection", key], context);
  }
}

function checkPatterns(
  patterns: readonly string[],
  path: ConfigPath,
  context: ResolveContext,
): void {
  patterns.forEach((pattern, index) =>
    attempt([...path, index], context, () => compileName(pattern))
  );
}

/** Where programs keep what must outlive a run (XDG Base Directory Specification). */
export function stateFolder(env: Environment): string {
  const state = env("XDG_STATE_HOME");
  if (state) return `${state}/rabbitmq-backup`;
  const home = env("HOME");
  if (home) return `${home}/.local/state/rabbitmq-backup`;
  const local = env("LOCALAPPDATA");
  return local ? `${local}/rabbitmq-backup` : ".rabbitmq-backup";
}
