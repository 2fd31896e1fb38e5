import type { StorageConfig } from "../config/config.ts";
import { type ObjectStoreConfig, storageLocation } from "../config/storage.ts";
import { AppError } from "../errors.ts";
import { FilesystemStorage } from "./filesystem.ts";
import { HttpTransport } from "./http.ts";
import { MemoryStorage } from "./memory.ts";
import type { ObjectDriver } from "./object_driver.ts";
import { ObjectStorage } from "./object_storage.ts";
import { PrefixedStorage } from "./prefixed.ts";
import { BandwidthLimit } from "./bandwidth.ts";
import type { StorageWait } from "./retry.ts";
import type { Storage } from "./storage.ts";

export { type StorageWait, waitWarning } from "./retry.ts";

/** Options of {@linkcode openStorage}. */
export interface OpenOptions {
  /** Ends all that waits for the store, in whatever method. */
  readonly signal?: AbortSignal;
  /** Told when the store does not answer and is waited for, once an outage. */
  readonly onWait?: (wait: StorageWait) => void;
  /** Told the service's time with each answer, epoch milliseconds, in whole seconds. */
  readonly onTime?: (epochMs: number) => void;
}

/**
 * Opens the configured store. Reaches nothing yet: the first use tells whether it is there. The
 * library of a cloud is loaded only where its store is configured.
 *
 * @throws AppError `config` when the prefix is no folder name
 */
export async function openStorage(
  config: StorageConfig,
  options: OpenOptions = {},
): Promise<Storage> {
  const prefix = config.prefix.replace(/^\/+|\/+$/g, "");
  const store = await openBackend(config, options);
  if (prefix === "") return store;
  try {
    const isRemote = store instanceof ObjectStorage;
    return new PrefixedStorage(
      store,
      prefix,
      isRemote ? { location: storageLocation(config) } : {},
    );
  } catch (error) {
    throw new AppError("config", `Cannot use ${JSON.stringify(prefix)} as storage.prefix`, {
      hint: "Use folder names without control characters, separated by '/'",
      cause: error,
    });
  }
}

async function openBackend(config: StorageConfig, options: OpenOptions): Promise<Storage> {
  switch (config.backend) {
    case "filesystem":
      return new FilesystemStorage(config.path);
    case "memory":
      return new MemoryStorage();
    default:
      return new ObjectStorage(await openDriver(config, options), {
        ...options,
        location: storageLocation({ ...config, prefix: "" }),
        partSize: config.part_size,
        uploadConcurrency: config.upload_concurrency,
        patienceMs: config.retry_max_secs * 1000,
      });
  }
}

async function openDriver(
  config: ObjectStoreConfig,
  { onTime }: OpenOptions,
): Promise<ObjectDriver> {
  const { ca_cert, rate_limit_bytes_per_sec: limit } = config;
  const transport = new HttpTransport({
    caCert: ca_cert,
    onTime,
    bandwidth: limit === undefined ? undefined : new BandwidthLimit(limit),
  });
  switch (config.backend) {
    case "s3":
      return new (await import("./s3/driver.ts")).S3Driver(config, { transport });
    case "azure":
      return new (await import("./azure/driver.ts")).AzureDriver(config, { transport });
    case "gcs":
      return new (await import("./gcs/driver.ts")).GcsDriver(config, { transport });
  }
}
