import assert from "node:assert/strict";
import type { ErrorCode } from "../errors.ts";
import { EXIT, EXIT_CODES, exitCodeOf } from "./exit_code.ts";

/** The compiler keeps this list whole: a code that is missing here is an error. */
const EXPECTED: Record<ErrorCode, number> = {
  failed: 1,
  usage: 2,
  config: 2,
  damaged: 4,
  broker_unreachable: 5,
  broker_denied: 5,
  broker_missing: 5,
  storage_unreachable: 6,
  storage_denied: 6,
  storage_missing: 6,
  storage_full: 6,
  refused: 7,
  backup_not_found: 10,
  locked: 11,
  declined: 13,
  interrupted: 130,
  terminated: 143,
};

Deno.test("exitCodeOf() maps every kind of error to its documented code", () => {
  for (const [code, exit] of Object.entries(EXPECTED)) {
    assert.equal(exitCodeOf(code as ErrorCode), exit, code);
    assert.ok(EXIT_CODES.some(({ errors }) => errors.includes(code as ErrorCode)), code);
  }
});

Deno.test("EXIT_CODES lists each code once, in order, results included", () => {
  const codes = EXIT_CODES.map(({ code }) => code);
  assert.deepEqual(codes, [...new Set(codes)].toSorted((a, b) => a - b));
  for (const code of Object.values(EXIT)) assert.ok(codes.includes(code));
});
