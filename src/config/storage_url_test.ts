import assert from "node:assert/strict";
import { AppError } from "../errors.ts";
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

Deno.test("parseStorageLocation() says that object stores are not available yet", () => {
  for (const text of ["s3://b/p", "azure://c@a/p", "gs://b", "gcs://b"]) {
    assert.match(problemOf(text), /Cannot use (s3|azure|gcs) storage: not available/);
  }
});

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
});
