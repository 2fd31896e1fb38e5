/** A configuration file to begin with: what must be set, and all else as comments with its default. */
import { configJsonSchema } from "../config/schema.ts";

export type Mode = "backup" | "restore";

/** A part of the JSON Schema of the file, as far as it is looked at here. */
interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const WIDTH = 96;

/** What is not a comment in the new file, by where it stands. */
const SET: Readonly<Record<Mode, Readonly<Record<string, string>>>> = {
  backup: {
    mode: "backup",
    backup_id: "nightly-%Y%m%d-%H%M",
    "source.amqp_url": "amqp://backup:${RABBITMQ_PASSWORD}@localhost:5672",
  },
  restore: {
    mode: "restore",
    backup_id: "latest",
    "target.amqp_url": "amqp://restore:${RABBITMQ_PASSWORD}@localhost:5672",
  },
};

const STORAGE = [
  "# Where backups are kept: a folder, S3, Azure or Google Cloud Storage (docs/storage.md); also as a URL,",
  "# such as s3://bucket/prefix?region=eu-west-1.",
  "storage:",
  "  backend: filesystem",
  "  path: /var/backups/rabbitmq",
];

/** The text of the file. */
export function initialConfig(mode: Mode): string {
  const { properties = {} } = configJsonSchema() as Schema;
  const side = mode === "backup" ? "source" : "target";
  const lines = [
    "# Configuration of rabbitmq-backup; all keys are in docs/configuration.md. Lines that begin with #",
    "# show what holds when they are left as they are. ${NAME} is the value of a variable.",
    "#",
    "#   rabbitmq-backup config check --config FILE",
    `#   rabbitmq-backup ${mode} --config FILE --dry-run`,
  ];
  for (const name of ["mode", "backup_id", side, "storage", mode, "offset_storage"]) {
    lines.push(
      "",
      ...name === "storage" ? STORAGE : linesOf(properties[name]!, { path: [name], mode }),
    );
  }
  return lines.join("\n") + "\n";
}

/** One key, its description above it; a section with all that is in it. */
function linesOf(
  schema: Schema,
  { path, mode }: { path: readonly string[]; mode: Mode },
): string[] {
  const where = path.join(".");
  const indent = "  ".repeat(path.length - 1);
  const value = SET[mode][where];
  const isSet = Object.keys(SET[mode]).some((set) => set === where || set.startsWith(`${where}.`));
  const off = isSet ? "" : "#";
  const key = `${indent}${off}${path.at(-1)}:`;
  const { properties } = schema;
  const inside = properties === undefined ? [] : Object.entries(properties)
    .flatMap(([name, one]) => linesOf(one, { path: [...path, name], mode }));
  const text = properties !== undefined || value === undefined && schema.default === undefined
    ? key
    : `${key} ${value ?? JSON.stringify(schema.default)}`;
  return [...comment(schema.description ?? "", indent), text, ...inside];
}

/** Text as comment lines of a bounded width. */
function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((word) => word !== "")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > WIDTH) {
      lines.push(`${indent}# ${word}`);
    } else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
