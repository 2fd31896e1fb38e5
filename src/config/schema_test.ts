import assert from "node:assert/strict";
import { configJsonSchema } from "./schema.ts";

type JsonSchema = Record<string, unknown>;

Deno.test("docs/config.schema.json is what the schema gives (config schema prints it)", async () => {
  const file = new URL("../../docs/config.schema.json", import.meta.url);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(file)), configJsonSchema());
});

Deno.test("configJsonSchema() describes every key", () => {
  const missing: string[] = [];
  const visit = (schema: JsonSchema, path: string) => {
    const properties = schema.properties as Record<string, JsonSchema> | undefined;
    for (const [key, below] of Object.entries(properties ?? {})) {
      if (typeof below.description !== "string") missing.push(`${path}.${key}`);
      visit(below, `${path}.${key}`);
    }
    for (const kind of ["anyOf", "oneOf"]) {
      for (const one of schema[kind] as JsonSchema[] ?? []) visit(one, path);
    }
  };
  visit(configJsonSchema(), "");
  assert.deepEqual(missing, []);
});

Deno.test("docs/configuration.md names every key", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
  const keys = new Set<string>();
  const visit = (schema: JsonSchema) => {
    for (const [key, below] of Object.entries(schema.properties ?? {})) {
      keys.add(key);
      visit(below as JsonSchema);
    }
    for (const kind of ["anyOf", "oneOf"]) (schema[kind] as JsonSchema[] ?? []).forEach(visit);
  };
  visit(configJsonSchema());
  assert.ok(keys.has("segment_max_bytes") && keys.has("ca_cert") && keys.has("prefix"));
  assert.deepEqual([...keys].filter((key) => !page.includes(key)), []);
});
