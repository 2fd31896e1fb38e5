import { z } from "zod";
import { Secret } from "../secret.ts";
import { byteSize, count, text } from "./values.ts";

const PREFIX_RULE = "expected names of folders with '/' between them, without '.' and '..'";
const MIB = 2 ** 20;

/** A relative folder below the root of a store; slashes around it do not count. */
const prefix = z.string().default("").transform((prefix, context) => {
  const trimmed = prefix.replace(/^\/+|\/+$/g, "");
  const parts = trimmed === "" ? [] : trimmed.split("/");
  const plain = (part: string) => /^[A-Za-z0-9._-]+$/.test(part) && !/^\.+$/.test(part);
  if (parts.every(plain)) return trimmed;
  context.issues.push({ code: "custom", message: PREFIX_RULE, input: prefix });
  return z.NEVER;
}).describe("Folder inside the store, so that several systems can share it.");

/** Becomes a {@linkcode Secret}, which nothing prints. */
const secret = () => text().transform((value) => new Secret(value));

/** What the user notes with each object. */
const labels = () => z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());

/** Keys that all object stores have. */
const objectStoreKeys = {
  prefix,
  endpoint: z.url({ protocol: /^https?$/ }).optional()
    .describe("URL of the service. Default: the cloud's own."),
  allow_http: z.boolean().default(false)
    .describe("Allow an endpoint without TLS that is not on this machine."),
  ca_cert: text().optional()
    .describe("PEM file with certificates to trust beside the usual ones."),
  part_size: byteSize({ min: 5 * MIB, max: 512 * MIB, shown: "5MiB to 512MiB" }).prefault("8MiB")
    .describe("Large objects are stored in parts of this size; it doubles every 1000 parts."),
  upload_concurrency: count(1, 64).default(4).describe(
    "Parts that are held in memory and sent at the same time, over all queues.",
  ),
  rate_limit_bytes_per_sec: byteSize({ min: 64 * 2 ** 10, max: 2 ** 40, shown: "64KiB to 1TiB" })
    .optional().describe("Bytes a second to and from the storage. Default: no limit."),
  retry_max_secs: count(0, 86_400).default(300).describe(
    "How long the storage is waited for when it does not answer, or answers that it is busy.",
  ),
  metadata: labels().optional().describe("Names and texts that are kept with each object."),
};

const FilesystemSchema = z.strictObject({
  backend: z.literal("filesystem").describe("A folder on this machine."),
  path: text().describe("The folder. It is created when it does not exist."),
  prefix,
});

const MemorySchema = z.strictObject({
  backend: z.literal("memory").describe("Objects that end with the process, for tests."),
  prefix,
});

const S3Schema = z.strictObject({
  backend: z.literal("s3").describe("Amazon S3, or a store that speaks its protocol."),
  bucket: text().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected the name of a bucket")
    .describe("Name of the bucket."),
  region: text().optional().describe(
    "Region of the bucket. Default: as AWS's tools find it; with an endpoint us-east-1.",
  ),
  access_key: text().optional().describe(
    "Access key id. Default: as AWS's tools find credentials (variables, profile, role).",
  ),
  secret_key: secret().optional().describe("Secret access key."),
  session_token: secret().optional().describe("Session token of temporary credentials."),
  path_style: z.boolean().optional().describe(
    "Name the bucket in the path and not in the host. Default: true with an endpoint.",
  ),
  sse: z.enum(["AES256", "aws:kms", "aws:kms:dsse"]).optional()
    .describe("Server-side encryption. Default: what the bucket says."),
  sse_kms_key_id: text().optional().describe("Key of aws:kms. Default: the bucket's or AWS's own."),
  storage_class: z.enum([
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "REDUCED_REDUNDANCY",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
  ]).optional().describe("Storage class; those that are read only after hours cannot be used."),
  object_lock_mode: z.enum(["GOVERNANCE", "COMPLIANCE"]).optional()
    .describe("Lock each object, in a bucket with object lock."),
  object_lock_days: count(1, 36_500).optional().describe("Days that the lock lasts."),
  tags: z.record(text(), z.string()).optional().describe("Tags of each object, at most 10."),
  requester_pays: z.boolean().default(false).describe("Pay for requests to another's bucket."),
  ...objectStoreKeys,
});

const AzureSchema = z.strictObject({
  backend: z.literal("azure").describe("Azure Blob Storage."),
  account_name: text().regex(/^[a-z0-9]+$/, "expected the name of a storage account")
    .describe("Name of the storage account."),
  container_name: text().regex(/^[a-z0-9$-]+$/, "expected the name of a container")
    .describe("Name of the container."),
  account_key: secret().optional().describe(
    "Key of the account. Default: a SAS token, or as Azure's tools find credentials.",
  ),
  sas_token: secret().optional().describe("Shared access signature."),
  use_workload_identity: z.boolean().default(false)
    .describe("Use the workload identity of a Kubernetes pod."),
  client_id: text().optional().describe("Application, or user-assigned identity."),
  tenant_id: text().optional().describe("Directory of the application."),
  client_secret: secret().optional().describe("Secret of the application."),
  access_tier: z.enum(["Hot", "Cool", "Cold"]).optional()
    .describe("Access tier. Default: the account's."),
  encryption_scope: text().optional().describe("Encryption scope. Default: the container's."),
  tags: z.record(text(), z.string()).optional().describe("Index tags of each blob, at most 10."),
  ...objectStoreKeys,
});

const GcsSchema = z.strictObject({
  backend: z.literal("gcs").describe("Google Cloud Storage."),
  bucket: text().regex(/^[a-z0-9][a-z0-9._-]*$/, "expected the name of a bucket")
    .describe("Name of the bucket."),
  service_account_path: text().optional().describe(
    "JSON file with the key of a service account. Default: Application Default Credentials.",
  ),
  storage_class: z.enum(["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"]).optional()
    .describe("Storage class. Default: the bucket's."),
  kms_key: text().optional()
    .describe("Cloud KMS key: projects/P/locations/L/keyRings/R/cryptoKeys/K."),
  user_project: text().optional().describe("Project that pays for requests to another's bucket."),
  ...objectStoreKeys,
});

/** `storage` as a mapping. A further store is a further schema in this list. */
export const StorageMappingSchema = z.discriminatedUnion("backend", [
  FilesystemSchema,
  MemorySchema,
  S3Schema,
  AzureSchema,
  GcsSchema,
]);

/** Values of `storage.backend`. */
export const BACKENDS = StorageMappingSchema.options.map(({ shape }) => shape.backend.value);

/** `storage`: a mapping, or a location in one text. */
export const StorageSchema = z.union([text(), StorageMappingSchema])
  .describe(
    "Where backups are kept: a path, file:///path, s3://bucket/prefix, " +
      "azure://account.blob.core.windows.net/container/prefix, gs://bucket/prefix, memory://, " +
      "or a mapping with backend.",
  );
