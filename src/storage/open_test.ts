import assert from "node:assert/strict";
import { join, relative } from "node:path";

const SOURCES = join(import.meta.dirname!, "..");
/** Where the libraries of the clouds may stand; all of it is loaded on demand. */
const BACKEND = /^storage\/(s3|azure|gcs)\//;

async function* sources(folder = SOURCES): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(join(folder, name));
    else if (/\.ts$/.test(name) && !/_test\.ts$/.test(name)) yield join(folder, name);
  }
}

Deno.test("the libraries of the clouds are loaded only where their store is configured", async () => {
  let loaders = 0;
  for await (const path of sources()) {
    const name = relative(SOURCES, path);
    if (BACKEND.test(name)) continue;
    const text = await Deno.readTextFile(path);
    assert.doesNotMatch(text, /["'](@aws-sdk|@azure|google-auth)/, name);
    // Static imports, those of types apart.
    assert.doesNotMatch(text, /^import (?!type)[^;]*["'][^"']*\/(s3|azure|gcs)\/[^"']*["']/m, name);
    loaders += text.match(/await import\("\.\/(s3|azure|gcs)\/driver\.ts"\)/g)?.length ?? 0;
  }
  assert.equal(loaders, 3);
});
