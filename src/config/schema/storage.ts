import { z } from "zod";
import { text } from "./values.ts";

const PREFIX_RULE = "expected names of folders with '/' between them, without '.' and '..'";

/** A relative folder below the root of a store; slashes around it do not count. */
const prefix = z.string().default("").transform((prefix, context) => {
  const trimmed = prefix.replace(/^\/+|\/+$/g, "");
  const parts = trimmed === "" ? [] : trimmed.split("/");
  const plain = (part: string) => /^[A-Za-z0-9._-]+$/.test(part) && !/^\.+$/.test(part);
  if (parts.every(plain)) return trimmed;
  context.issues.push({ code: "custom", message: PREFIX_RULE, input: prefix });
  return z.NEVER;
}).describe("Folder inside the store, so that several systems can share it.");

const FilesystemSchema = z.strictObject({
  backend: z.literal("filesystem").describe("A folder on this machine."),
  path: text().describe("The folder. It is created when it does not exist."),
  prefix,
});

const MemorySchema = z.strictObject({
  backend: z.literal("memory").describe("Objects that end with the process, for tests."),
  prefix,
});

/** `storage` as a mapping. A further store is a further schema in this list. */
export const StorageMappingSchema = z.discriminatedUnion("backend", [
  FilesystemSchema,
  MemorySchema,
]);

/** `storage`: a mapping, or a location in one text. */
export const StorageSchema = z.union([text(), StorageMappingSchema])
  .describe("Where backups are kept: a path, file:///path, memory://, or a mapping with backend.");
