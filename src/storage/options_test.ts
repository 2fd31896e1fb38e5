/** What operators choose goes out with each request, also what the emulators do not know. */
import assert from "node:assert/strict";
import { StorageMappingSchema } from "../config/schema/storage.ts";
import { openStorage } from "./open.ts";
import { bytesOf } from "./storage.ts";

interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly text: string;
}

type Service = (request: Seen) => Response;

const LARGE = new Uint8Array(6 * 2 ** 20);
const EMPTY_LIST = "<ListBucketResult></ListBucketResult>";
const NO_BLOBS = "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";

const s3: Service = ({ method, url }) => {
  if (method === "HEAD") return new Response(null, { status: 404 });
  if (method === "GET") return new Response(EMPTY_LIST);
  if (method === "POST" && url.searchParams.has("uploads")) {
    return new Response("<R><UploadId>u</UploadId></R>");
  }
  if (method === "POST") return new Response("<CompleteMultipartUploadResult/>");
  return new Response(null, { headers: { etag: '"e"' } });
};

const azure: Service = ({ method }) => {
  if (method === "HEAD") return new Response(null, { status: 404 });
  if (method === "GET") {
    return new Response(NO_BLOBS, { headers: { "content-type": "application/xml" } });
  }
  return new Response(null, { status: method === "DELETE" ? 202 : 201 });
};

const gcs: Service = ({ method, url }) => {
  if (url.pathname === "/session") return Response.json({ name: "k" });
  if (method === "DELETE") return new Response(null, { status: 204 });
  if (url.searchParams.get("uploadType") === "resumable") {
    return new Response("", { headers: { location: `${url.origin}/session` } });
  }
  if (method === "GET" && url.pathname.endsWith("/o/k")) return new Response("", { status: 404 });
  return Response.json({ items: [] });
};

/** Everything that a store does, and the requests that it took. */
async function requestsOf(keys: Record<string, unknown>, service: Service): Promise<Seen[]> {
  const seen: Seen[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { method, headers } = request;
    const bytes = await request.bytes();
    const text = new TextDecoder().decode(bytes.subarray(0, 2000));
    const one = { method, url: new URL(request.url), headers, text };
    seen.push(one);
    return service(one);
  });
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const config = StorageMappingSchema.parse({ ...keys, endpoint, part_size: "5MiB" });
  const storage = await openStorage(config);
  try {
    await storage.put("k", bytesOf("small"));
    await storage.put("k", bytesOf(LARGE));
    assert.equal(await storage.stat("k"), undefined);
    await Array.fromAsync(storage.list(""));
    await storage.delete(["k"]);
  } finally {
    await storage.close();
    await server.shutdown();
  }
  return seen;
}

/** Requests of one kind, of which there is at least one. */
function some(seen: readonly Seen[], isMeant: (one: Seen) => boolean): Seen[] {
  const found = seen.filter(isMeant);
  assert.ok(found.length > 0);
  return found;
}

Deno.test("s3: who pays is said with every request", async () => {
  const keys = { backend: "s3", bucket: "b", access_key: "a", secret_key: "s" };
  const seen = await requestsOf({ ...keys, requester_pays: true }, s3);
  assert.ok(seen.length >= 8);
  for (const { method, url, headers } of seen) {
    assert.equal(headers.get("x-amz-request-payer"), "requester", `${method} ${url.search}`);
  }
  const others = await requestsOf(keys, s3);
  assert.ok(others.every(({ headers }) => !headers.has("x-amz-request-payer")));
});

Deno.test("s3: encryption, class, tags and lock are said when an object begins", async () => {
  const seen = await requestsOf({
    backend: "s3",
    bucket: "b",
    access_key: "a",
    secret_key: "s",
    sse: "aws:kms:dsse",
    sse_kms_key_id: "key",
    storage_class: "GLACIER_IR",
    tags: { team: "a b" },
    object_lock_mode: "COMPLIANCE",
    object_lock_days: 2,
  }, s3);
  const begins = some(
    seen,
    ({ method, url }) =>
      method === "PUT" && !url.searchParams.has("partNumber") ||
      method === "POST" && url.searchParams.has("uploads"),
  );
  assert.equal(begins.length, 2);
  for (const { headers } of begins) {
    assert.equal(headers.get("x-amz-server-side-encryption"), "aws:kms:dsse");
    assert.equal(headers.get("x-amz-server-side-encryption-aws-kms-key-id"), "key");
    assert.equal(headers.get("x-amz-storage-class"), "GLACIER_IR");
    assert.equal(headers.get("x-amz-tagging"), "team=a+b");
    assert.equal(headers.get("x-amz-object-lock-mode"), "COMPLIANCE");
    const until = Date.parse(headers.get("x-amz-object-lock-retain-until-date")!);
    assert.ok(Math.abs(until - Date.now() - 2 * 86_400_000) < 60_000);
  }
});

Deno.test("azure: tier, tags, metadata and encryption scope are said of every blob", async () => {
  const seen = await requestsOf({
    backend: "azure",
    account_name: "acc",
    container_name: "con",
    account_key: "a2V5",
    access_tier: "Cool",
    tags: { team: "a b" },
    metadata: { owner: "ops" },
    encryption_scope: "scope",
  }, azure);
  const puts = some(seen, ({ method }) => method === "PUT");
  const isBlock = ({ url }: Seen) => url.searchParams.get("comp") === "block";
  assert.deepEqual(puts.map(({ url }) => url.searchParams.get("comp")).toSorted(), [
    "block",
    "block",
    "blocklist",
    null,
  ]);
  for (const { headers } of puts) assert.equal(headers.get("x-ms-encryption-scope"), "scope");
  for (const { headers } of puts.filter((one) => !isBlock(one))) {
    assert.equal(headers.get("x-ms-access-tier"), "Cool");
    assert.equal(headers.get("x-ms-tags"), "team=a%20b");
    assert.equal(headers.get("x-ms-meta-owner"), "ops");
  }
});

Deno.test("gcs: key, class and who pays are said of every object", async () => {
  const key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
  const seen = await requestsOf({
    backend: "gcs",
    bucket: "b",
    storage_class: "NEARLINE",
    kms_key: key,
    user_project: "payer",
    metadata: { owner: "ops" },
  }, gcs);
  const begins = some(seen, ({ url }) => url.searchParams.has("uploadType"));
  assert.deepEqual(begins.map(({ url }) => url.searchParams.get("uploadType")), [
    "multipart",
    "resumable",
  ]);
  for (const { url, text } of begins) {
    assert.equal(url.searchParams.get("kmsKeyName"), key);
    assert.match(text, /"storageClass":"NEARLINE"/);
    assert.match(text, /"owner":"ops"/);
  }
  // The upload's own URL says it all by itself.
  for (const { url } of seen.filter(({ url }) => url.pathname !== "/session")) {
    assert.equal(url.searchParams.get("userProject"), "payer", `${url}`);
  }
});
