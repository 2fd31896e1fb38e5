/** The storage servers of this test run, and stores of a test's own on them. */
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { ContainerClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import type { StorageServers } from "../../scripts/lib/storage_servers.ts";
import type { ObjectStoreConfig, StorageConfig } from "../../src/config/storage.ts";
import { StorageMappingSchema } from "../../src/config/schema/storage.ts";

/** Names the file in which `scripts/test` describes the storage servers it has started. */
export const STORAGES_VARIABLE = "RABBITMQ_BACKUP_TEST_STORAGES";

export type ObjectBackend = ObjectStoreConfig["backend"];

/** All object stores that are tested. */
export const OBJECT_BACKENDS: readonly ObjectBackend[] = ["s3", "azure", "gcs"];

/** How the servers of this run are reached. */
export function storageServers(): StorageServers {
  const path = Deno.env.get(STORAGES_VARIABLE);
  if (!path) throw new Error('run scripts/test, or eval "$(scripts/storage up)"');
  return JSON.parse(Deno.readTextFileSync(path));
}

/** The keys of the YAML file for an empty bucket or container of a test's own. */
export async function newStore(
  backend: ObjectBackend,
  options: { objectLock?: boolean } = {},
): Promise<Record<string, string | boolean>> {
  const { s3, azure, gcs } = storageServers();
  const name = `test-${crypto.randomUUID()}`;
  switch (backend) {
    case "s3": {
      using client = adminClient();
      await client.send(
        new CreateBucketCommand({
          Bucket: name,
          ...(options.objectLock ? { ObjectLockEnabledForBucket: true } : {}),
        }),
      );
      const { endpoint, accessKey, secretKey } = s3;
      return { backend, bucket: name, endpoint, access_key: accessKey, secret_key: secretKey };
    }
    case "azure": {
      const { endpoint, account, key } = azure;
      const credential = new StorageSharedKeyCredential(account, key);
      await new ContainerClient(`${endpoint}/${name}`, credential).create();
      return { backend, account_name: account, container_name: name, account_key: key, endpoint };
    }
    case "gcs": {
      const response = await fetch(`${gcs.endpoint}/storage/v1/b?project=test`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`Cannot create bucket ${name}: ${text}`);
      return { backend, bucket: name, endpoint: gcs.endpoint };
    }
  }
}

/** Checked, as the program has it. */
export function storeConfig(keys: Record<string, unknown>): StorageConfig {
  return StorageMappingSchema.parse(keys);
}

/** Keys of uploads in parts that were begun in a bucket and neither completed nor aborted. */
export async function unfinishedUploads(bucket: string): Promise<string[]> {
  using client = adminClient();
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.map(({ Key = "" }) => Key);
}

/** AWS's own library as another client would use it. */
export function adminClient(): S3Client & Disposable {
  const { endpoint, accessKey, secretKey } = storageServers().s3;
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}
