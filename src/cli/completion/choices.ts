/** Values of flags that take one of a few, as the schema of the configuration has them. */
import {
  BACKUP_SETTINGS,
  definitionsSettings,
  IMPORT_SETTINGS,
  MESSAGE_SETTINGS,
  RESTORE_SETTINGS,
} from "../setting_groups.ts";
import { nameOf } from "../../console/setting.ts";

/** A part of a JSON Schema, as far as it is looked at here. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
}

const GROUPS = [
  BACKUP_SETTINGS,
  RESTORE_SETTINGS,
  MESSAGE_SETTINGS,
  IMPORT_SETTINGS,
  definitionsSettings("restore"),
];

/** What a flag may be set to; undefined when it is not one of a few. */
export async function choicesFor(flag: string): Promise<string[] | undefined> {
  const setting = GROUPS.flatMap(({ settings }) => settings)
    .find((one) => `--${nameOf(one)}` === flag);
  if (setting === undefined) return undefined;
  const { configJsonSchema } = await import("../../config/schema.ts");
  let schemas: readonly Schema[] = [configJsonSchema() as Schema];
  for (const key of setting.path.split(".")) {
    schemas = schemas.flatMap(alternatives).flatMap(({ properties }) => properties?.[key] ?? []);
  }
  const found = schemas.flatMap(alternatives).flatMap((schema) => schema.enum ?? []);
  return found.length === 0 ? undefined : found;
}

/** The schema, or those of which one has to fit; of a list, what its items may be. */
function alternatives(schema: Schema): Schema[] {
  const inner = [...schema.anyOf ?? [], ...schema.items === undefined ? [] : [schema.items]];
  return inner.length === 0 ? [schema] : inner.flatMap(alternatives);
}
