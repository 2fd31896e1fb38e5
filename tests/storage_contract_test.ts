/** The contract of stores, on real servers of all clouds' kinds. */
import assert from "node:assert/strict";
import { openStorage } from "../src/storage/open.ts";
import { storageContract } from "./conformance/storage.ts";
import { newStore, OBJECT_BACKENDS, storeConfig, unfinishedUploads } from "./helpers/storages.ts";

for (const backend of OBJECT_BACKENDS) {
  storageContract(backend, async () => {
    const keys = await newStore(backend);
    return {
      storage: await openStorage(storeConfig(keys)),
      dispose: async () => {
        if (backend === "s3") assert.deepEqual(await unfinishedUploads(`${keys.bucket}`), []);
      },
    };
  });
}
