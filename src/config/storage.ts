import { isAbsolute } from "node:path";
import type { z } from "zod";
import type { StorageMappingSchema } from "./schema/storage.ts";
import { Secret } from "./secret.ts";

/** Where backups are kept, checked and with its defaults. */
export type StorageConfig = z.output<typeof StorageMappingSchema>;

type Of<Backend extends StorageConfig["backend"]> = Extract<StorageConfig, { backend: Backend }>;

/** A bucket of Amazon S3, or of a store that speaks its protocol. */
export type S3Config = Of<"s3">;
/** A container of Azure Blob Storage. */
export type AzureConfig = Of<"azure">;
/** A bucket of Google Cloud Storage. */
export type GcsConfig = Of<"gcs">;
/** What is told of every object store. */
export type ObjectStoreConfig = S3Config | AzureConfig | GcsConfig;

/**
 * The store as one text without secrets, which is also how a checkpoint knows it; a path, or a URL
 * that `parseStorageLocation` reads.
 */
export function storageLocation(config: StorageConfig): string {
  const below = config.prefix === "" ? "" : `/${config.prefix}`;
  switch (config.backend) {
    case "filesystem":
      return `${config.path}${below}`;
    case "memory":
      return `memory://${config.prefix}`;
    case "s3":
      return `s3://${config.bucket}${below}${endpointQuery(config)}`;
    case "gcs":
      return `gs://${config.bucket}${below}${endpointQuery(config)}`;
    case "azure": {
      const { account_name, container_name } = config;
      return `azure://${account_name}/${container_name}${below}${endpointQuery(config)}`;
    }
  }
}

/** The folder of a store on this machine; undefined where it is none. */
export function localFolder(config: StorageConfig): string | undefined {
  return config.backend === "filesystem" ? config.path : undefined;
}

/** The patience of a run is for outages; here a person waits. */
const SHORT_PATIENCE_SECS = 5;

/** The same store, given up sooner when it does not answer: for looking at it. */
export function withShortPatience(config: StorageConfig): StorageConfig {
  if (!("retry_max_secs" in config)) return config;
  return { ...config, retry_max_secs: Math.min(config.retry_max_secs, SHORT_PATIENCE_SECS) };
}

/** Whether what is stored ends with the process. */
export function isVolatile({ backend }: StorageConfig): boolean {
  return backend === "memory";
}

/** Paths in a store's configuration that depend on the folder in which the program runs. */
export function relativePaths(config: StorageConfig): string[] {
  const paths = config.backend === "filesystem"
    ? [config.path]
    : config.backend === "memory"
    ? []
    : [config.ca_cert, config.backend === "gcs" ? config.service_account_path : undefined];
  return paths.filter((path) => path !== undefined).filter((path) => !isAbsolute(path));
}

/** The texts in a store's configuration that nobody may see. */
export function storageSecrets(config: StorageConfig): string[] {
  return Object.values(config).flatMap((value) => value instanceof Secret ? [value.reveal()] : []);
}

/** What the schema of one key cannot see: keys that contradict each other. */
export function storageProblems(config: StorageConfig): { key: string; problem: string }[] {
  if (config.backend === "filesystem" || config.backend === "memory") return [];
  return [...endpointProblems(config), ...credentialProblems(config), ...optionProblems(config)];
}

function endpointProblems(config: ObjectStoreConfig) {
  const url = config.endpoint === undefined ? undefined : new URL(config.endpoint);
  if (url === undefined) return [];
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return [{ key: "endpoint", problem: "expected scheme, host and port, perhaps a path" }];
  }
  if (url.protocol !== "http:" || config.allow_http || isLoopback(url)) return [];
  const problem = "begins with http://, so messages would travel unencrypted; use https://, or " +
    "set allow_http: true";
  return [{ key: "endpoint", problem }];
}

function credentialProblems(config: ObjectStoreConfig) {
  if (config.backend === "s3") {
    if ((config.access_key === undefined) !== (config.secret_key === undefined)) {
      return [{ key: "access_key", problem: "belongs together with secret_key; one is missing" }];
    }
    if (config.session_token !== undefined && config.access_key === undefined) {
      return [{ key: "session_token", problem: "needs access_key and secret_key" }];
    }
    return [];
  }
  if (config.backend === "gcs") return [];
  const { account_key, sas_token, client_secret, use_workload_identity } = config;
  const given = [account_key, sas_token, client_secret, use_workload_identity || undefined];
  if (given.filter((one) => one !== undefined).length > 1) {
    const problem = "give one of account_key, sas_token, client_secret and use_workload_identity";
    return [{ key: "account_key", problem }];
  }
  const isApplication = config.client_id !== undefined && config.tenant_id !== undefined;
  if (client_secret !== undefined && !isApplication) {
    return [{ key: "client_secret", problem: "needs client_id and tenant_id" }];
  }
  return [];
}

function optionProblems(config: ObjectStoreConfig) {
  if (config.backend !== "s3") return [];
  const problems: { key: string; problem: string }[] = [];
  if (config.sse_kms_key_id !== undefined && !config.sse?.startsWith("aws:kms")) {
    problems.push({ key: "sse_kms_key_id", problem: "needs sse: aws:kms" });
  }
  if ((config.object_lock_mode === undefined) !== (config.object_lock_days === undefined)) {
    const problem = "object_lock_mode and object_lock_days belong together; one is missing";
    problems.push({ key: "object_lock_mode", problem });
  }
  return problems;
}

/** Whether a URL stays on this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function endpointQuery({ endpoint }: ObjectStoreConfig): string {
  return endpoint === undefined ? "" : `?endpoint=${endpoint.replace(/\/+$/, "")}`;
}
