import assert from "node:assert/strict";
import { AppError } from "../errors.ts";
import { type S3Config, storageLocation } from "./storage.ts";
import { parseStorageLocation } from "./storage_url.ts";

const FOLDERS: [text: string, path: string][] = [
  ["/var/backups", "/var/backups"],
  ["backups", "backups"],
  ["./a b/é", "./a b/é"],
  ["C:\\backups", "C:\\backups"],
  ["a:b", "a:b"],
  ["file:///var/a%20b%23", "/var/a b#"],
  ["FILE:///x", "/x"],
  ["file:/x", "/x"],
  ["file://localhost/x", "/x"],
];

for (const [text, path] of FOLDERS) {
  Deno.test(`parseStorageLocation(${JSON.stringify(text)}) is the folder ${path}`, () => {
    assert.deepEqual(parseStorageLocation(text), { backend: "filesystem", path, prefix: "" });
  });
}

Deno.test("parseStorageLocation() knows memory", () => {
  assert.deepEqual(parseStorageLocation("memory://"), { backend: "memory", prefix: "" });
  assert.deepEqual(parseStorageLocation("memory://a"), { backend: "memory", prefix: "a" });
});

const STORES: [text: string, expected: Record<string, unknown>][] = [
  ["s3://Bucket.x", { backend: "s3", bucket: "Bucket.x", prefix: "" }],
  ["s3://b/a/b/?region=eu-west-1", { bucket: "b", prefix: "a/b", region: "eu-west-1" }],
  [
    "s3://b?endpoint=http%3A%2F%2Flocalhost%3A9000&path_style=true&upload_concurrency=2",
    { endpoint: "http://localhost:9000", path_style: true, upload_concurrency: 2 },
  ],
  ["S3://b?endpoint=https://minio.example:9000", { endpoint: "https://minio.example:9000" }],
  ["s3://b?rate_limit_bytes_per_sec=10MiB", { rate_limit_bytes_per_sec: 10 * 2 ** 20 }],
  [
    "azure://acc.blob.core.windows.net/con/p/q",
    { backend: "azure", account_name: "acc", container_name: "con", prefix: "p/q" },
  ],
  ["azure://acc/con", { account_name: "acc", container_name: "con", prefix: "" }],
  [
    "azure://acc.blob.core.chinacloudapi.cn/con",
    { account_name: "acc", endpoint: "https://acc.blob.core.chinacloudapi.cn" },
  ],
  ["gs://b/p", { backend: "gcs", bucket: "b", prefix: "p" }],
  ["gcs://b?storage_class=NEARLINE", { backend: "gcs", storage_class: "NEARLINE" }],
];

for (const [text, expected] of STORES) {
  Deno.test(`parseStorageLocation(${JSON.stringify(text)})`, () => {
    const config = parseStorageLocation(text);
    const found = Object.fromEntries(
      Object.keys(expected).map((key) => [key, config[key as never]]),
    );
    assert.deepEqual(found, expected);
  });
}

Deno.test("storageLocation() is read back as the same store", () => {
  for (const [text] of STORES) {
    const { endpoint, prefix, ...first } = parseStorageLocation(text) as S3Config;
    const again = parseStorageLocation(storageLocation({ endpoint, prefix, ...first }));
    assert.equal(again.prefix, prefix);
    assert.equal((again as S3Config).endpoint, endpoint);
    assert.equal((again as S3Config).bucket, first.bucket);
  }
});

function problemOf(text: string): string {
  try {
    parseStorageLocation(text);
  } catch (error) {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, "config");
    return error.message;
  }
  return assert.fail(`${text} was accepted`);
}

Deno.test("parseStorageLocation() refuses other schemes and malformed URLs without repeating them", () => {
  assert.match(
    problemOf("s4://CANARY:CANARY@b"),
    /"s4:\/\/" is not a known kind.*did you mean "s3"/,
  );
  for (
    const text of ["", " ", "ftp://CANARY", "file://host/CANARY", "file:x", "file:///%zzCANARY"]
  ) {
    assert.ok(!problemOf(text).includes("CANARY"), text);
  }
  assert.match(problemOf("file:///a?b=1"), /no '\?'/);
  for (
    const text of [
      "s3://CANARY:CANARY@b",
      "s3://b?secret_key=CANARY",
      "s3://b?CANARY%20x=1",
      "s3://b/%zzCANARY",
      "s3://b/a/../CANARY",
      "azure://acc?sig=CANARY",
      "azure://acc/con?sas_token=CANARY",
      "azure://acc/con?region=CANARY",
      "gs://b?endpoint=CANARY",
      "gs://b?kms_kee=CANARY",
      "s3:///CANARY",
    ]
  ) {
    assert.ok(!problemOf(text).includes("CANARY"), text);
  }
  assert.match(problemOf("azure://acc"), /names no container/);
  assert.match(problemOf("s3://b?secret_key=x"), /credentials do not belong into a URL/);
  assert.match(problemOf("s3://b?regoin=x"), /"regoin" is unknown; did you mean "region"/);
  assert.match(problemOf("gs://b?region=x"), /"region" is not known of this kind/);
});
