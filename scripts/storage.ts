import { join } from "node:path";
import { cacheDir } from "./lib/cache.ts";
import { checkoutDir } from "./lib/instances.ts";
import { print, say } from "./lib/output.ts";
import { ignoreMissing } from "./lib/roots.ts";
import {
  listStorageServers,
  startStorageServers,
  stopStorageServers,
  type StorageRecord,
  sweepStorages,
} from "./lib/storage_servers.ts";

const USAGE = `Storage servers on this machine, for development and tests: MinIO for S3, Azurite for
Azure Blob Storage, fake-gcs-server for Google Cloud Storage.

  scripts/storage up      start them if they do not run; prints how to reach them, for
                          eval "$(scripts/storage up)"
  scripts/storage status  list those that scripts have started
  scripts/storage down    end those of this checkout and those left by a crash`;

async function main([command]: string[]): Promise<number> {
  switch (command) {
    case "up":
      return await up();
    case "status":
      for (const { id, checkout, owner, servers } of await listStorageServers()) {
        const by = owner === null ? checkout : `process ${owner.pid}`;
        const { s3, azure, gcs } = servers;
        print(`${id}  ${s3.endpoint}  ${azure.endpoint}  ${gcs.endpoint}  owner ${by}`);
      }
      return 0;
    case "down":
      await sweepStorages(say);
      for (const record of await ours()) await stopStorageServers(record);
      await Deno.remove(descriptionPath()).catch(ignoreMissing);
      return 0;
    default:
      (command === "help" || command === "--help" ? print : say)(USAGE);
      return command === "help" || command === "--help" ? 0 : 2;
  }
}

async function up(): Promise<number> {
  await sweepStorages(say);
  const { servers } = (await ours())[0] ?? await startStorageServers({ owned: false });
  await Deno.writeTextFile(descriptionPath(), JSON.stringify(servers, null, 2));
  print(
    `# MinIO ${servers.s3.endpoint}, Azurite ${servers.azure.endpoint}, ` +
      `fake-gcs-server ${servers.gcs.endpoint}`,
  );
  print(`export RABBITMQ_BACKUP_TEST_STORAGES='${descriptionPath()}'`);
  return 0;
}

async function ours(): Promise<StorageRecord[]> {
  return (await listStorageServers())
    .filter(({ owner, checkout }) => owner === null && checkout === checkoutDir());
}

/** Where `up` leaves how to reach this checkout's servers, for the tests to read. */
function descriptionPath(): string {
  const name = checkoutDir().replaceAll(/[^A-Za-z0-9]+/g, "-");
  return join(cacheDir(), `storages${name}.json`);
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}
