/** FORMAT.md's example, held against the code. */
import assert from "node:assert/strict";
import { RecordFingerprint } from "../../src/archive/fingerprint.ts";
import { RecordParser } from "../../src/archive/record.ts";
import { openSegment } from "../../src/archive/segment.ts";
import { once } from "./build_backup.ts";

Deno.test("FORMAT.md: the example is a sound segment with the sums it names", async () => {
  const text = await Deno.readTextFile(new URL("../../src/archive/FORMAT.md", import.meta.url));
  const [, example = ""] = text.split(/^## \d+\. Example$/m);
  const [, hex] = example.split("```");
  const stored = Uint8Array.from(Buffer.from(hex!.replace(/\s/g, ""), "hex"));
  const [checksum, digest] = example.match(/[0-9a-f]{64}/g)!;
  const expected = { checksum: checksum!, sizeBytes: 81, recordCount: 1, uncompressedBytes: 41 };
  const fingerprint = new RecordFingerprint();
  const parser = new RecordParser(fingerprint);
  for await (const piece of openSegment(once(stored), { name: "example", expected }).records()) {
    parser.push(piece);
  }
  assert.equal(fingerprint.digest(), digest);
});
