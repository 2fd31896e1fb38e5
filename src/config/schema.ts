import { z } from "zod";
import { BackupSchema } from "./schema/backup.ts";
import { SourceSchema, TargetSchema } from "./schema/broker.ts";
import { RestoreSchema } from "./schema/restore.ts";
import { StorageSchema } from "./schema/storage.ts";
import { count, text } from "./schema/values.ts";

const OffsetStorageSchema = z.strictObject({
  backend: z.literal("sqlite").default("sqlite").describe("SQLite is the only one."),
  db_path: text().optional().describe(
    "The progress file. Default: rabbitmq-backup/checkpoint.db in $XDG_STATE_HOME or ~/.local/state.",
  ),
  s3_key: text().regex(
    /^(?!\/)(?!.*(^|\/)\.{0,2}(\/|$))[^\\\p{Cc}]+$/u,
    "expected a key such as state/{backup_id}.db",
  ).optional().describe(
    "Where in storage, of whichever kind, the progress is copied to, for another machine to go on. " +
      "{backup_id} stands for the backup's id, which is added where it is missing. " +
      "Default: runs/…/checkpoint.db beside the backup.",
  ),
  sync_interval_secs: count(0, 86_400).optional().describe(
    "Seconds between two copies. 0: none. Default: backup.sync_interval_secs, or 30.",
  ),
  lock_expiry_secs: count(10, 86_400).optional().describe(
    "A run that cannot renew its lock in storage for so long stops, and another may take over. " +
      "Default: 600, or storage.retry_max_secs and 300 where that is more.",
  ),
}).describe("Where it is kept what is done already, so that an interrupted run can go on.");

const MetricsSchema = z.strictObject({
  enabled: z.boolean().default(false).describe("Accepted; has no effect in this version."),
  port: count(1, 65_535).default(9469).describe("Port of the Prometheus endpoint."),
  bind_address: text().default("127.0.0.1").describe("Address it listens on."),
}).describe("Prometheus metrics. Accepted; not active in this version.");

/** The configuration file. One schema gives checks, types and `docs/config.schema.json`. */
export const ConfigFileSchema = z.strictObject({
  mode: z.enum(["backup", "restore"]).optional()
    .describe("The command that this file is for. Another command then refuses it."),
  backup_id: text().optional().describe(
    "Name of the backup. %Y %m %d %H %M %S %s %% and {date} {time} {timestamp} stand for the time of " +
      "the start, in UTC. Default of a backup: backup-%Y%m%dT%H%M%SZ.",
  ),
  source: SourceSchema.optional(),
  target: TargetSchema.optional(),
  storage: StorageSchema.optional(),
  backup: BackupSchema.optional(),
  restore: RestoreSchema.optional(),
  offset_storage: OffsetStorageSchema.optional(),
  metrics: MetricsSchema.optional(),
}).describe("Configuration of rabbitmq-backup.");

/** Sections whose defaults hold when they are not written. */
export const SectionSchemas = {
  backup: BackupSchema,
  restore: RestoreSchema,
  offset_storage: OffsetStorageSchema,
  metrics: MetricsSchema,
};

/** The file after the check: names and shapes are right, defaults inside sections applied. */
export type ConfigFile = z.output<typeof ConfigFileSchema>;

/** A top-level key of the file. */
export type Section = keyof ConfigFile;

/** A part of a JSON Schema, as far as it is looked at here. */
type JsonSchema = Record<string, unknown> & { type?: string; enum?: unknown[] };

const REFERENCE = { type: "string", pattern: "\\$\\{" };

/** The JSON Schema of the configuration file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(ConfigFileSchema, {
    target: "draft-7",
    io: "input",
    override: ({ jsonSchema }) => allowReference(jsonSchema as JsonSchema),
  });
  return { ...schema, title: "rabbitmq-backup configuration" };
}

/** Where a number, a switch or a choice is wanted, `${VAR}` is right as well. */
function allowReference(schema: JsonSchema): void {
  const isChoice = schema.enum !== undefined;
  if (!isChoice && !["integer", "number", "boolean"].includes(schema.type ?? "")) return;
  const { description, default: value, ...rest } = schema;
  for (const key of Object.keys(schema)) delete schema[key];
  if (description !== undefined) schema.description = description;
  if (value !== undefined) schema.default = value;
  schema.anyOf = [rest, REFERENCE];
}
