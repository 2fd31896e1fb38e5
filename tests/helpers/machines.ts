/** Machines that share a storage, and nothing else. */
import type { StorageConfig } from "../../src/config/storage.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { type Job, newJob } from "./job.ts";
import { newStore, storeConfig } from "./storages.ts";
import { tempDir } from "./temp.ts";

/** A storage that several machines share. */
export async function sharedStorage(kind: "directory" | "s3") {
  const dir = await tempDir();
  const keys = kind === "s3"
    ? await newStore("s3")
    : { backend: "filesystem", path: dir.join("backups") };
  const storage = await openStorage(storeConfig(keys) as StorageConfig);
  return {
    ...{ keys, storage },
    async [Symbol.asyncDispose]() {
      await storage.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Everything that a machine keeps is lost; another one has the same configuration. */
export async function lose(job: Job): Promise<Job> {
  await Deno.remove(job.dir.path, { recursive: true });
  return await newJob(job.broker);
}

/** The keys of all that is stored. */
export async function keysOf(storage: Storage): Promise<string[]> {
  return (await Array.fromAsync(storage.list(""))).map(({ key }) => key);
}

/** The keys of what runs have left beside backups. */
export async function runsOf(storage: Storage): Promise<string[]> {
  return (await keysOf(storage)).filter((key) => key.includes("/runs/"));
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
