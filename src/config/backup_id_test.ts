import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import {
  checkBackupId,
  DEFAULT_BACKUP_ID,
  expandBackupId,
  isIdPattern,
  isValidBackupId,
} from "./backup_id.ts";

const NOW = new Date("2025-03-04T05:06:07.890Z");

const EXPANSIONS: [pattern: string, id: string][] = [
  ["nightly", "nightly"],
  ["nightly-%Y%m%d-%H%M%S", "nightly-20250304-050607"],
  ["nightly-{date}", "nightly-20250304"],
  ["{date}-{time}", "20250304-050607"],
  ["x_{timestamp}", "x_20250304T050607Z"],
  ["e%s", "e1741064767"],
  [DEFAULT_BACKUP_ID, "backup-20250304T050607Z"],
];

for (const [pattern, id] of EXPANSIONS) {
  Deno.test(`expandBackupId(${JSON.stringify(pattern)}) is ${id}`, () => {
    assert.equal(expandBackupId(pattern, NOW), id);
    assert.equal(isIdPattern(pattern), pattern !== id);
  });
}

Deno.test("expandBackupId() refuses unknown codes and results that are no id", () => {
  for (
    const pattern of ["%q", "x%", "{dat}", "{}", "100%%", "a b", "", "-x", ".x", "x.", "a/b", "é"]
  ) {
    assert.throws(
      () => expandBackupId(pattern, NOW),
      (error) => error instanceof AppError && error.code === "config",
      pattern,
    );
  }
});

Deno.test("expandBackupId() suggests the word that was meant", () => {
  assert.throws(() => expandBackupId("x-{dates}", NOW), /did you mean "date"/);
});

Deno.test("checkBackupId() accepts 128 characters, not 129, and not the word for the newest", () => {
  assert.equal(checkBackupId("a".repeat(128)).length, 128);
  assert.throws(() => checkBackupId("a".repeat(129)), AppError);
  assert.throws(() => checkBackupId("latest"), AppError);
});

Deno.test("isValidBackupId() accepts only what is one safe path component", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 20 }), (id) => {
    if (!isValidBackupId(id)) return;
    assert.equal(id, encodeURIComponent(id));
    assert.ok(!/^\.|\.$|[/\\\s]/.test(id));
  }));
});
