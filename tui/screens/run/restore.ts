import { EXIT } from "../../../src/console/exit_code.ts";
import { verifyLines } from "../../../src/console/text/verify_text.ts";
import type { VerifyReport } from "../../../src/engine/verify/verify.ts";
import type { RestoreCall } from "../../app/engine.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { VERIFY_KEY } from "./keys.ts";
import { openRun, summaryEnd } from "./screen.tsx";

/** A restore, and the flags of the commands that do the same. */
export interface RestoreRun {
  readonly restore: RestoreCall;
  readonly flags: readonly string[];
  readonly verifyFlags: readonly string[];
  /** The broker that is restored into, and the storage. */
  readonly place: string;
}

/** Runs a restore; it can be verified when it is done. */
export function openRestoreRun(session: Session, run: RestoreRun): Screen {
  const { restore, flags, place } = run;
  return openRun(session, {
    title: "Restoring",
    what: "The restore",
    stopping: "waiting for the confirmation of what was published",
    command: "restore",
    flags,
    place,
    run: (tools) => session.engine.runRestore({ ...restore, ...tools }),
    end: summaryEnd(session),
    next: { binding: VERIFY_KEY, open: () => openVerifyRun(session, run) },
  });
}

/** Compares what was restored with the backup. */
function openVerifyRun(session: Session, { restore, verifyFlags, place }: RestoreRun): Screen {
  return openRun<VerifyReport>(session, {
    title: "Verify",
    what: "The comparison",
    stopping: "giving the messages back",
    command: "verify",
    flags: verifyFlags,
    place,
    run: (tools) => session.engine.verify({ ...restore, ...tools }),
    end: (report) => ({
      lines: verifyLines(report, { style: session.call.style, all: true }),
      exitCode: verifyExitCode(report),
    }),
  });
}

function verifyExitCode({ queues }: VerifyReport): number {
  const results = new Set(queues.map(({ result }) => result));
  const isUnread = results.delete("unread");
  results.delete("same");
  return results.size > 0 ? EXIT.different : isUnread ? EXIT.partial : EXIT.ok;
}
