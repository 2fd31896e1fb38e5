/** What the emulator of Google Cloud Storage lacks: pages, parts taken in part, damage on the way. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { GcsConfig } from "../../config/storage.ts";
import { StorageMappingSchema } from "../../config/schema/storage.ts";
import { HttpTransport } from "../http.ts";
import { GcsDriver } from "./driver.ts";

const { signal } = new AbortController();

async function withService(
  service: (request: Request, url: URL) => Response | Promise<Response>,
  run: (driver: GcsDriver) => Promise<void>,
): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => service(request, new URL(request.url)),
  );
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const config = StorageMappingSchema.parse({ backend: "gcs", bucket: "bucket", endpoint });
  const driver = new GcsDriver(config as GcsConfig, {
    transport: new HttpTransport(),
    pageSize: 2,
  });
  try {
    await run(driver);
  } finally {
    await driver.close();
    await server.shutdown();
  }
}

Deno.test("GcsDriver asks for the next page until there is none", async () => {
  const names = ["a", "b", "c"];
  await withService((_, { searchParams }) => {
    assert.equal(searchParams.get("maxResults"), "2");
    assert.equal(searchParams.get("prefix"), "p/");
    const from = Number(searchParams.get("pageToken") ?? 0);
    const items = names.slice(from, from + 2)
      .map((name) => ({ name, size: "3", updated: "2026-01-01T00:00:00.5Z" }));
    return Response.json(from === 0 ? { items, nextPageToken: "2" } : { items });
  }, async (driver) => {
    const first = await driver.list({ prefix: "p/" }, signal);
    assert.deepEqual(first.objects.map(({ key }) => key), ["a", "b"]);
    assert.equal(first.objects[0]!.modifiedAt, Date.UTC(2026, 0, 1, 0, 0, 0, 500));
    const second = await driver.list({ prefix: "p/", next: first.next }, signal);
    assert.deepEqual(second.objects.map(({ key }) => key), ["c"]);
    assert.equal(second.next, undefined);
  });
});

/** A resumable upload that takes a part's first half only, the first time. */
function halfTakingService(stored: Uint8Array[], md5Hash: (bytes: Uint8Array) => string) {
  const held = () => stored.reduce((sum, piece) => sum + piece.length, 0);
  const deleted: string[] = [];
  let halved = false;
  const service = async (request: Request, url: URL): Promise<Response> => {
    if (request.method === "DELETE") {
      deleted.push(`${url.pathname}${url.search}`);
      return new Response(null, { status: 204 });
    }
    if (request.method === "POST") {
      assert.equal(url.searchParams.get("ifGenerationMatch"), "0");
      return new Response("", { headers: { location: `${url.origin}/session` } });
    }
    const range = request.headers.get("content-range")!;
    const bytes = await request.bytes();
    const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(range)!;
    if (from !== undefined) {
      assert.equal(Number(from), held(), "a part begins where the last one ended");
      stored.push(halved ? bytes : bytes.slice(0, bytes.length / 2));
      halved = true;
    }
    if (total === `${held()}`) {
      const all = new Uint8Array(await new Blob(stored as BlobPart[]).arrayBuffer());
      return Response.json({ name: "k", generation: "77", md5Hash: md5Hash(all) });
    }
    return new Response(null, { status: 308, headers: { range: `bytes=0-${held() - 1}` } });
  };
  return { service, deleted };
}

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("base64");
const PART = new Uint8Array(512 * 1024).map((_, index) => index % 251);

Deno.test("GcsUpload goes on where the service stopped taking", async () => {
  const stored: Uint8Array[] = [];
  const { service, deleted } = halfTakingService(stored, md5);
  await withService(service, async (driver) => {
    const upload = await driver.startUpload("k", { ifAbsent: true, writeId: "w" }, signal);
    const part = { index: 0, offset: 0, bytes: PART, isLast: false };
    await assert.rejects(() => upload.part(part, signal), { kind: "transient" });
    await upload.part(part, signal);
    await upload.part({ index: 1, offset: PART.length, bytes: PART, isLast: true }, signal);
    await upload.complete(signal);
    const all = await new Blob(stored as BlobPart[]).bytes();
    assert.deepEqual(all, await new Blob([PART, PART]).bytes());
    assert.deepEqual(deleted, []);
  });
});

Deno.test("GcsUpload removes what was damaged on the way", async () => {
  const { service, deleted } = halfTakingService([], () => "another");
  await withService(service, async (driver) => {
    const upload = await driver.startUpload("k", { ifAbsent: true, writeId: "w" }, signal);
    const part = { index: 0, offset: 0, bytes: PART, isLast: true };
    await assert.rejects(() => upload.part(part, signal), { kind: "transient" });
    await upload.part(part, signal);
    await assert.rejects(() => upload.complete(signal), { kind: "permanent" });
    assert.deepEqual(deleted, ["/storage/v1/b/bucket/o/k?generation=77"]);
  });
});
