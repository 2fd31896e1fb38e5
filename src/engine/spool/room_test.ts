import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { spoolRoom } from "./room.ts";

const folder = () => Deno.makeTempDirSync({ prefix: "rabbitmq-backup-test-" });

/** Others write to the disk while it is looked at. */
function assertNear(found: number, wanted: number): void {
  assert.ok(Math.abs(found - wanted) < 0.02 * wanted, `${found} is not near ${wanted}`);
}

Deno.test("spool room: nine tenths of what is free, also where the folder is still to be made", async () => {
  const existing = folder();
  try {
    const { bavail, bsize } = await statfs(existing);
    assertNear(await spoolRoom({ spool_dir: existing }), bavail * bsize * 0.9);
    const missing = join(existing, "not", "there", "yet");
    assertNear(await spoolRoom({ spool_dir: missing }), bavail * bsize * 0.9);
  } finally {
    Deno.removeSync(existing);
  }
});

Deno.test({
  name: "spool room: the disk that counts is the folder's own",
  ignore: Deno.build.os !== "linux",
  // A file system on which there is no room for anything.
  fn: async () => assert.equal(await spoolRoom({ spool_dir: "/proc/not-there" }), 0),
});

Deno.test("spool room: no more than was asked for, no more than there is", async () => {
  const spool_dir = folder();
  try {
    assert.equal(await spoolRoom({ spool_dir, spool_max_bytes: 1_000 }), 1_000);
    assertNear(
      await spoolRoom({ spool_dir, spool_max_bytes: Number.MAX_SAFE_INTEGER }),
      await spoolRoom({ spool_dir }),
    );
  } finally {
    Deno.removeSync(spool_dir);
  }
});

Deno.test("spool room: a relative folder that is missing is one of the working directory", async () => {
  assertNear(
    await spoolRoom({ spool_dir: "not-there/at-all" }),
    await spoolRoom({ spool_dir: Deno.cwd() }),
  );
});

Deno.test("spool room: unlimited where it cannot be told; writing there says why not", async () => {
  const file = join(folder(), "file");
  Deno.writeTextFileSync(file, "");
  assert.equal(await spoolRoom({ spool_dir: join(file, "below") }), Infinity);
  assert.equal(await spoolRoom({ spool_dir: join(file, "below"), spool_max_bytes: 5 }), 5);
  Deno.removeSync(join(file, ".."), { recursive: true });
});
