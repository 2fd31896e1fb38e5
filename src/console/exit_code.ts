import type { ErrorCode } from "../errors.ts";

/** One row of the table of exit codes. */
export interface ExitCodeRow {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
  /** Errors that end the program with this code. */
  readonly errors: readonly ErrorCode[];
}

/** Codes that are results rather than errors. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  damaged: 4,
  empty: 9,
  different: 14,
  unfit: 15,
} as const;

/**
 * What the program's exit codes mean. 3, 10, 11, 12 and 130 mean the same as restic's. A code that is
 * not listed is a failure.
 */
export const EXIT_CODES: readonly ExitCodeRow[] = [
  { code: 0, name: "ok", meaning: "Everything that was asked for is done.", errors: [] },
  {
    code: 1,
    name: "failed",
    meaning: "Failed for a reason without a code of its own.",
    errors: ["failed"],
  },
  {
    code: 2,
    name: "usage",
    meaning: "The command line or the configuration is wrong; nothing was done.",
    errors: ["usage", "config"],
  },
  {
    code: 3,
    name: "partial",
    meaning: "Done in part: some queues were left out, and the output says which and why.",
    errors: [],
  },
  {
    code: 4,
    name: "damaged",
    meaning: "A backup, a manifest or the progress file is damaged.",
    errors: ["damaged"],
  },
  {
    code: 5,
    name: "broker",
    meaning: "The broker is unreachable, denies access, or lacks what was asked for.",
    errors: ["broker_unreachable", "broker_denied", "broker_missing"],
  },
  {
    code: 6,
    name: "storage",
    meaning: "The storage is unreachable, denies access, is not there, or is full.",
    errors: ["storage_unreachable", "storage_denied", "storage_missing", "storage_full"],
  },
  {
    code: 7,
    name: "refused",
    meaning: "A guard refused: going on could have lost or duplicated messages.",
    errors: ["refused"],
  },
  { code: 8, name: "limit", meaning: "A limit was reached. Not used by this version.", errors: [] },
  {
    code: 9,
    name: "empty",
    meaning: "There was nothing to do. Only with --error-on-empty.",
    errors: [],
  },
  {
    code: 10,
    name: "not found",
    meaning: "There is no backup with that id.",
    errors: ["backup_not_found"],
  },
  {
    code: 11,
    name: "locked",
    meaning: "Another process works on the same backup, began it elsewhere, or took it over.",
    errors: ["locked"],
  },
  {
    code: 12,
    name: "wrong key",
    meaning: "The backup is encrypted with another key. Not used by this version.",
    errors: [],
  },
  {
    code: 13,
    name: "declined",
    meaning: "A question was not answered with yes; nothing was done.",
    errors: ["declined"],
  },
  {
    code: 14,
    name: "different",
    meaning: "verify: the target does not hold what the backup does.",
    errors: [],
  },
  {
    code: 15,
    name: "unfit",
    meaning: "doctor: a run with this configuration would fail.",
    errors: [],
  },
  {
    code: 130,
    name: "interrupted",
    meaning: "Stopped by Ctrl-C (SIGINT). The same command goes on where it stopped.",
    errors: ["interrupted"],
  },
  {
    code: 143,
    name: "terminated",
    meaning: "Stopped by SIGTERM or SIGHUP. The same command goes on where it stopped.",
    errors: ["terminated"],
  },
];

/** The exit code of an error. */
export function exitCodeOf(code: ErrorCode): number {
  return EXIT_CODES.find(({ errors }) => errors.includes(code))?.code ?? EXIT.failed;
}
