/** Least rights, wrong rights, and what operators choose, on real servers. */
import assert from "node:assert/strict";
import {
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
} from "@aws-sdk/client-s3";
import type { AppError } from "../src/errors.ts";
import { accessPolicies } from "../src/storage/access_policy.ts";
import { openStorage } from "../src/storage/open.ts";
import { bytesOf, readAll, type Storage } from "../src/storage/storage.ts";
import { sessionKeys } from "./helpers/minio_session.ts";
import {
  adminClient,
  newStore,
  storageServers,
  storeConfig,
  unfinishedUploads,
} from "./helpers/storages.ts";

const LARGE = new Uint8Array(6 * 2 ** 20).fill(7);
const DOCUMENTED = new URL("../docs/storage.md", import.meta.url);

/** The policy of docs/storage.md, for another bucket. */
async function documentedPolicy(bucket: string): Promise<unknown> {
  const text = await Deno.readTextFile(DOCUMENTED);
  const json = /```json\n([^`]*"Statement"[^`]*)```/.exec(text)![1]!;
  return JSON.parse(json.replaceAll("company-backups", bucket));
}

async function withStore(
  keys: Record<string, unknown>,
  run: (storage: Storage) => Promise<void>,
): Promise<void> {
  const storage = await openStorage(storeConfig({ part_size: "5MiB", retry_max_secs: 5, ...keys }));
  try {
    await run(storage);
  } finally {
    await storage.close();
  }
}

Deno.test("s3: the policy that is documented is the one that is printed", async () => {
  const keys = { ...await newStore("s3"), bucket: "company-backups", prefix: "rabbitmq/prod" };
  const use = { use: "backup", importsDefinitions: false } as const;
  const [policy] = await accessPolicies(storeConfig(keys), use);
  assert.deepEqual(await documentedPolicy("company-backups"), JSON.parse(policy!.text));
});

Deno.test("s3: the policy that is documented is enough, and for its prefix only", async () => {
  const keys = await newStore("s3");
  const folder = "b/queues/_default/q/segment";
  const policy = await documentedPolicy(`${keys.bucket}`);
  const rights = { ...keys, ...await sessionKeys(policy) };
  await withStore({ ...rights, prefix: "rabbitmq/prod" }, async (storage) => {
    assert.equal(await storage.stat(`${folder}-0001`), undefined);
    await storage.put(`${folder}-0001`, bytesOf("x"), { ifAbsent: true });
    await storage.put(`${folder}-0002`, bytesOf(LARGE), { ifAbsent: true });
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* [LARGE, LARGE];
      await Promise.resolve();
      throw new Error("the source broke");
    }
    await assert.rejects(() => storage.put(`${folder}-0003`, failing()), /the source broke/);
    assert.deepEqual(await unfinishedUploads(`${keys.bucket}`), []);
    assert.equal((await readAll(storage.get(`${folder}-0002`), 1e8)).length, LARGE.length);
    assert.deepEqual(await Array.fromAsync(storage.listFolders("")), ["b"]);
    await storage.delete([`${folder}-0001`, `${folder}-0002`]);
    assert.deepEqual(await Array.fromAsync(storage.list("")), []);
  });
  await withStore({ ...rights, prefix: "other" }, async (storage) => {
    await assert.rejects(() => storage.put("k", bytesOf("x")), { code: "storage_denied" });
  });
});

Deno.test("s3: who may only read can read, and is told that he may not write", async () => {
  const keys = await newStore("s3");
  await withStore(keys, async (storage) => {
    await storage.put("rabbitmq/prod/k", bytesOf("x"));
  });
  const use = { use: "restore", importsDefinitions: false } as const;
  const [policy] = await accessPolicies(storeConfig(keys), use);
  await withStore(
    { ...keys, ...await sessionKeys(JSON.parse(policy!.text)), prefix: "rabbitmq/prod" },
    async (storage) => {
      assert.equal((await readAll(storage.get("k"), 10)).length, 1);
      for (
        const work of [
          () => storage.put("k2", bytesOf("x")),
          () => storage.put("k2", bytesOf(LARGE)),
          () => storage.delete(["k"]),
        ]
      ) {
        await assert.rejects(work, (error: AppError) => {
          assert.equal(error.code, "storage_denied");
          assert.match(error.message, /AccessDenied/);
          return true;
        });
      }
    },
  );
});

Deno.test("wrong keys and stores that are not there are told by the real servers", async () => {
  const missing = `no-such-${crypto.randomUUID()}`;
  const { s3, azure } = storageServers();
  const s3Keys = {
    backend: "s3",
    bucket: missing,
    endpoint: s3.endpoint,
    access_key: s3.accessKey,
  };
  const azureKeys = {
    backend: "azure",
    container_name: missing,
    account_name: azure.account,
    endpoint: azure.endpoint,
  };
  const cases: [keys: Record<string, unknown>, code: AppError["code"]][] = [
    [{ ...s3Keys, secret_key: s3.secretKey }, "storage_missing"],
    [{ ...s3Keys, secret_key: "wrong-secret" }, "storage_denied"],
    [{ ...s3Keys, access_key: "unknown", secret_key: "wrong-secret" }, "storage_denied"],
    [{ ...s3Keys, ...await expired(), bucket: missing }, "storage_denied"],
    [{ ...azureKeys, account_key: azure.key }, "storage_missing"],
    [{ ...azureKeys, account_key: btoa("wrong") }, "storage_denied"],
    [
      { backend: "gcs", bucket: missing, endpoint: storageServers().gcs.endpoint },
      "storage_missing",
    ],
  ];
  for (const [keys, code] of cases) {
    await withStore(keys, async (storage) => {
      await assert.rejects(() => storage.put("k", bytesOf("x")), (error: AppError) => {
        assert.equal(error.code, code, error.message);
        assert.ok(error.hint);
        assert.ok(!`${error.message}${error.hint}`.includes("wrong"), error.message);
        return true;
      });
    });
  }
});

Deno.test("s3: encryption, class, tags, metadata and lock are what was chosen", async () => {
  const keys = await newStore("s3", { objectLock: true });
  const chosen = {
    sse: "AES256",
    storage_class: "REDUCED_REDUNDANCY",
    tags: { team: "a / b +", tier: "1" },
    metadata: { owner: "ops" },
    object_lock_mode: "GOVERNANCE",
    object_lock_days: 3,
  };
  await withStore({ ...keys, ...chosen }, async (storage) => {
    await storage.put("small", bytesOf("x"));
    await storage.put("large", bytesOf(LARGE));
    assert.equal((await readAll(storage.get("large"), 1e8)).length, LARGE.length);
    await storage.put("transient", bytesOf("x"), { isTransient: true });
  });
  using client = adminClient();
  const transient = await client.send(
    new HeadObjectCommand({ Bucket: `${keys.bucket}`, Key: "transient" }),
  );
  assert.equal(transient.ServerSideEncryption, "AES256");
  assert.equal(transient.StorageClass, undefined);
  assert.equal(transient.ObjectLockMode, undefined);
  for (const Key of ["small", "large"]) {
    const target = { Bucket: `${keys.bucket}`, Key };
    const head = await client.send(new HeadObjectCommand(target));
    assert.equal(head.ServerSideEncryption, "AES256", Key);
    assert.equal(head.StorageClass, "REDUCED_REDUNDANCY");
    assert.equal(head.Metadata?.owner, "ops");
    const { TagSet } = await client.send(new GetObjectTaggingCommand(target));
    assert.deepEqual(
      Object.fromEntries(TagSet!.map(({ Key, Value }) => [Key, Value])),
      chosen.tags,
    );
    const { Retention } = await client.send(new GetObjectRetentionCommand(target));
    assert.equal(Retention?.Mode, "GOVERNANCE");
    const days = (Retention!.RetainUntilDate!.getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 2.9 && days < 3.1, `${days} days`);
  }
});

Deno.test("s3: encryption with a key of the key service", async () => {
  const keys = await newStore("s3");
  await withStore({ ...keys, sse: "aws:kms", sse_kms_key_id: "test-key" }, async (storage) => {
    await storage.put("k", bytesOf(LARGE));
    assert.equal((await readAll(storage.get("k"), 1e8)).length, LARGE.length);
  });
  using client = adminClient();
  const head = await client.send(new HeadObjectCommand({ Bucket: `${keys.bucket}`, Key: "k" }));
  assert.equal(head.ServerSideEncryption, "aws:kms");
  assert.match(head.SSEKMSKeyId ?? "", /test-key/);
});

// The emulator of Google Cloud Storage knows no pages; see src/storage/gcs/driver_test.ts.
for (const backend of ["s3", "azure"] as const) {
  Deno.test(`${backend}: listings of any page size are whole and in order`, async () => {
    const keys = await newStore(backend);
    const expected = Array.from(
      { length: 23 },
      (_, at) => `d${at % 4}/k${String(at).padStart(2, "0")}`,
    );
    await withStore(keys, async (storage) => {
      for (const key of expected) await storage.put(key, bytesOf(key));
    });
    for (const pageSize of [1, 5, 23, 100]) {
      const driver = await driverOf(keys, pageSize);
      const { signal } = new AbortController();
      const found: string[] = [];
      const folders: string[] = [];
      for (const delimiter of [undefined, "/"] as const) {
        let next: string | undefined;
        do {
          const page = await driver.list(
            { prefix: "", next, ...(delimiter && { delimiter }) },
            signal,
          );
          assert.ok(page.objects.length <= pageSize);
          if (delimiter === undefined) found.push(...page.objects.map(({ key }) => key));
          else folders.push(...page.folders);
          next = page.next;
        } while (next !== undefined);
      }
      assert.deepEqual(found, expected.toSorted(), `pages of ${pageSize}`);
      assert.deepEqual(folders, ["d0/", "d1/", "d2/", "d3/"]);
      await driver.close();
    }
  });
}

async function driverOf(keys: Record<string, unknown>, pageSize: number) {
  const { HttpTransport } = await import("../src/storage/http.ts");
  const options = { transport: new HttpTransport(), pageSize };
  const config = storeConfig(keys);
  switch (config.backend) {
    case "s3":
      return new (await import("../src/storage/s3/driver.ts")).S3Driver(config, options);
    case "azure":
      return new (await import("../src/storage/azure/driver.ts")).AzureDriver(config, options);
    default:
      throw new Error(`Cannot list pages of ${config.backend}`);
  }
}

/** Temporary credentials whose token is none any more. */
async function expired() {
  const keys = await sessionKeys({ Version: "2012-10-17", Statement: [] });
  return { ...keys, session_token: `${keys.session_token.slice(0, -8)}AAAAAAAA` };
}
