import type { StorageConfig } from "../config/config.ts";
import { AppError } from "../errors.ts";
import { FilesystemStorage } from "./filesystem.ts";
import { MemoryStorage } from "./memory.ts";
import { PrefixedStorage } from "./prefixed.ts";
import type { Storage } from "./storage.ts";

/**
 * Opens the configured store. Reaches nothing yet: the first use tells whether it is there.
 *
 * @throws AppError `config` when the prefix is no folder name
 */
// deno-lint-ignore require-await
export async function openStorage(config: StorageConfig): Promise<Storage> {
  const prefix = config.prefix.replace(/^\/+|\/+$/g, "");
  const store = openBackend(config);
  if (prefix === "") return store;
  try {
    return new PrefixedStorage(store, prefix);
  } catch (error) {
    throw new AppError("config", `Cannot use ${JSON.stringify(prefix)} as storage.prefix`, {
      hint: "Use folder names without control characters, separated by '/'",
      cause: error,
    });
  }
}

function openBackend(config: StorageConfig): Storage {
  switch (config.backend) {
    case "filesystem":
      return new FilesystemStorage(config.path);
    case "memory":
      return new MemoryStorage();
  }
}
