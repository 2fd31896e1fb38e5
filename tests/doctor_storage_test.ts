/** `doctor` and stores: wrong keys, rights that lack, clocks that differ. */
import assert from "node:assert/strict";
import { generateBlobSASQueryParameters, StorageSharedKeyCredential } from "@azure/storage-blob";
import { ContainerSASPermissions } from "@azure/storage-blob";
import { examineStorage } from "./helpers/doctor.ts";
import { sessionKeys } from "./helpers/minio_session.ts";
import { StorageProxy } from "./helpers/storage_proxy.ts";
import { newStore, OBJECT_BACKENDS, storageServers, storeConfig } from "./helpers/storages.ts";
import { accessPolicies } from "../src/storage/access_policy.ts";
import { sasPermissions } from "../src/storage/azure/policy.ts";
import { openStorage } from "../src/storage/open.ts";
import type { AzureConfig } from "../src/config/storage.ts";

const ALL = ["list", "write", "read", "put_if_absent", "delete", "clock"];

for (const backend of OBJECT_BACKENDS) {
  Deno.test(`${backend}: all is tried, and nothing is left`, async () => {
    const keys = { ...await newStore(backend), prefix: "p" };
    const { statuses, isReadable } = await examineStorage(keys, { writes: true });
    // The emulator of Google Cloud Storage tells no time.
    const expected = backend === "gcs" ? ALL.filter((check) => check in statuses) : ALL;
    assert.deepEqual(statuses, Object.fromEntries(expected.map((check) => [check, "ok"])));
    assert.ok(isReadable);
    const storage = await openStorage(storeConfig(keys));
    assert.deepEqual(await Array.fromAsync(storage.list("")), []);
    await storage.close();
  });

  Deno.test(`${backend}: a bucket that is not there is told once for each thing tried`, async () => {
    const keys = await newStore(backend);
    const missing = `no-such-${crypto.randomUUID()}`;
    const name = backend === "azure" ? { container_name: missing } : { bucket: missing };
    const { statuses, findings } = await examineStorage({ ...keys, ...name }, { writes: true });
    assert.equal(statuses.list, "failed");
    assert.match(findings[0]!.hint!, /Create it, or correct its name/);
  });
}

Deno.test("s3: who may only read is told that writing fails, and may restore", async () => {
  const keys = await newStore("s3");
  const use = { use: "restore", importsDefinitions: false } as const;
  const [policy] = await accessPolicies(storeConfig(keys), use);
  const rights = { ...keys, ...await sessionKeys(JSON.parse(policy!.text)) };
  assert.deepEqual((await examineStorage(rights, { writes: false })).statuses, {
    list: "ok",
    clock: "ok",
  });
  const { statuses, findings } = await examineStorage(rights, { writes: true });
  assert.equal(statuses.write, "failed");
  assert.match(findings.find(({ check }) => check === "write")!.hint!, /docs\/storage\.md/);
});

Deno.test("s3: with the policy of a backup manifests and definitions cannot be deleted", async () => {
  const keys = { ...await newStore("s3"), prefix: "mq" };
  const use = { use: "backup", importsDefinitions: false } as const;
  const [policy] = await accessPolicies(storeConfig(keys), use);
  const rights = { ...keys, ...await sessionKeys(JSON.parse(policy!.text)) };
  const storage = await openStorage(storeConfig(rights));
  const removable = ["b/unfinished.json", "b/queues/_default/q/segment-0001", "b/runs/x/lock"];
  const kept = ["b/manifest.json", "b/definitions/definitions.json"];
  for (const key of [...removable, ...kept]) {
    await storage.put(key, ReadableStream.from([new Uint8Array(3)]));
  }
  await storage.delete(removable);
  for (const key of kept) {
    await assert.rejects(() => storage.delete([key]), { code: "storage_denied" });
  }
  const left = await Array.fromAsync(storage.list(""), ({ key }) => key);
  assert.deepEqual(left, kept.toSorted());
  await storage.close();
});

Deno.test("azure: the letters of the SAS token are enough, and those of a restore only read", async () => {
  const keys = await newStore("azure");
  const config = storeConfig(keys) as AzureConfig;
  const { account, key } = storageServers().azure;
  for (const use of ["backup", "restore"] as const) {
    const sas = generateBlobSASQueryParameters({
      containerName: config.container_name,
      permissions: ContainerSASPermissions.parse(
        sasPermissions(config, { use, importsDefinitions: false }),
      ),
      expiresOn: new Date(Date.now() + 3_600_000),
    }, new StorageSharedKeyCredential(account, key)).toString();
    const { account_key: _, ...rest } = keys;
    const { statuses } = await examineStorage({ ...rest, sas_token: sas }, { writes: true });
    if (use === "backup") {
      assert.deepEqual(statuses, Object.fromEntries(ALL.map((check) => [check, "ok"])));
    } else {
      assert.equal(statuses.list, "ok");
      assert.equal(statuses.write, "failed");
    }
  }
});

Deno.test("a clock that differs is a warning, and a failure where the storage refuses it", async () => {
  const keys = await newStore("s3");
  for (
    const [minutes, status, says] of [
      [2, "warning", /behind the storage's/],
      [-2, "warning", /ahead of the storage's/],
      [60, "failed", /behind the storage's/],
    ] as const
  ) {
    await using proxy = await StorageProxy.inFrontOf(storageServers().s3.endpoint);
    proxy.answerHeaders = () => ({ date: new Date(Date.now() + minutes * 60_000).toUTCString() });
    const config = { ...keys, endpoint: proxy.endpoint };
    const { findings } = await examineStorage(config, { writes: false });
    const clock = findings.find(({ check }) => check === "clock")!;
    assert.equal(clock.status, status);
    assert.match(clock.message, says);
    assert.match(clock.hint!, /NTP/);
  }
});
