import assert from "node:assert/strict";
import { failure } from "../../../tests/helpers/app_error.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import {
  findSnapshot,
  keepSnapshot,
  listSnapshots,
  placeInFolder,
  readSnapshot,
  type RollbackPlace,
} from "./rollback.ts";

const TEXT = '{"queues":[],"users":[{"name":"é"}]}\n';

let stores = 0;

function placeWith(more: Partial<RollbackPlace>): RollbackPlace {
  const storage = new MemoryStorage(`rollback-${stores++}`);
  return { storage, prefix: "b/definitions/", compression: "zstd", formatVersion: 2, ...more };
}

Deno.test("a snapshot comes back as it was, in every codec and format", async () => {
  for (const formatVersion of [1, 2] as const) {
    for (const compression of ["zstd", "lz4", "none", "json"] as const) {
      const place = placeWith({ compression, formatVersion });
      const kept = await keepSnapshot(place, TEXT);
      assert.match(
        kept.key,
        /^b\/definitions\/rollback-before-import-\d{13}(\.zst|\.lz4|\.json)?$/,
      );
      assert.deepEqual(await findSnapshot(place), kept);
      assert.equal(await readSnapshot(place, kept), TEXT);
    }
  }
});

Deno.test("the newest is taken unless one is named, and what is there is never replaced", async () => {
  const place = placeWith({});
  const all = [];
  for (const text of ["1", "2", "3"]) all.push(await keepSnapshot(place, text));
  assert.equal(new Set(all.map(({ key }) => key)).size, 3);
  assert.deepEqual(await listSnapshots(place), all);
  assert.equal(await readSnapshot(place, await findSnapshot(place)), "3");
  assert.equal(await readSnapshot(place, await findSnapshot(place, all[0]!.takenAt)), "1");
  const error = await failure(findSnapshot(place, 7), "backup_not_found");
  assert.match(error.message, /no snapshot 7 in b\/definitions in memory/);
  assert.match(error.hint ?? "", /there are rollback-before-import-/);
});

Deno.test("no snapshot: in an empty store, and in a folder that is not there", async () => {
  await failure(findSnapshot(placeWith({})), "backup_not_found");
  const folder = await Deno.makeTempDir();
  try {
    const place = placeInFolder(`${folder}/none`);
    assert.deepEqual(await listSnapshots(place), []);
    const error = await failure(findSnapshot(place), "backup_not_found");
    assert.match(error.hint ?? "", /--rollback-dir/);
    const { key } = await keepSnapshot(place, TEXT);
    assert.equal((await Deno.stat(`${folder}/none/${key}`)).mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a snapshot that is damaged is said to be", async () => {
  for (const compression of ["zstd", "lz4"] as const) {
    const place = placeWith({ compression });
    const { key } = await keepSnapshot(place, TEXT);
    const bytes = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3);
    await place.storage.put(
      key,
      (async function* () {
        yield bytes;
      })(),
    );
    await failure(readSnapshot(place, await findSnapshot(place)), "damaged");
  }
});
