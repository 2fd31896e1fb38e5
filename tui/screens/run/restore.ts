import type { Config } from "../../../src/config/config.ts";
import { EXIT } from "../../../src/console/exit_code.ts";
import { verifyLines } from "../../../src/console/text/verify_text.ts";
import type { QueueDoneEvent } from "../../../src/engine/events.ts";
import type { QueueName } from "../../../src/engine/restore/mapping.ts";
import type { VerifyReport } from "../../../src/engine/verify/verify.ts";
import type { RestoreCall } from "../../app/engine.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { type QueueChoice, queueChoice } from "../queues/choice.ts";
import { VERIFY_KEY } from "./keys.ts";
import { openRun, summaryEnd } from "./screen.tsx";

/** A restore, and the flags of the commands that do the same. */
export interface RestoreRun {
  readonly restore: RestoreCall;
  readonly flags: readonly string[];
  /** All queues of the backup. */
  readonly queues: readonly QueueName[];
  /** Flags of `verify` for those that a choice has. */
  verifyFlags(choice: QueueChoice): readonly string[];
  /** The broker that is restored into, and the storage. */
  readonly place: string;
}

/** Runs a restore; it can be verified when it is done. */
export function openRestoreRun(session: Session, run: RestoreRun): Screen {
  const { restore, flags, place } = run;
  return openRun(session, {
    title: "Restoring",
    what: "The restore",
    working: "Publishing; a message counts when the target has confirmed it",
    stopping: "waiting for the confirmation of what was published",
    command: "restore",
    flags,
    place,
    run: (tools) => session.engine.runRestore({ ...restore, ...tools }),
    end: summaryEnd(session),
    next: {
      binding: VERIFY_KEY,
      open: (ended) => openVerifyRun(session, run, { choice: restoredQueues(run, ended) }),
    },
  });
}

/** The queues that a restore did not skip: of others the target was never meant to hold the same. */
export function restoredQueues(
  { queues }: Pick<RestoreRun, "queues">,
  ended: readonly QueueDoneEvent[],
): QueueChoice {
  const restored = ended.filter(({ outcome }) => outcome !== "skipped")
    .map(({ vhost, queue }) => ({ vhost, name: queue }));
  return queueChoice({ all: queues, chosen: restored, at: "restore.queues" });
}

/** Compares what was restored with the backup. */
function openVerifyRun(
  session: Session,
  { restore, verifyFlags, place }: RestoreRun,
  { choice }: { choice: QueueChoice },
): Screen {
  const config = withQueues(restore.config, choice);
  return openRun<VerifyReport>(session, {
    title: "Verify",
    what: "The comparison",
    working: "Reading the queues, giving all back, comparing",
    stopping: "giving the messages back",
    stopped: "all messages go back, and the same command compares anew",
    command: "verify",
    flags: verifyFlags(choice),
    place,
    run: (tools) => session.engine.verify({ ...restore, config, ...tools }),
    end: (report) => ({
      lines: verifyLines(report, { style: session.call.style, all: true }),
      exitCode: verifyExitCode(report),
    }),
  });
}

/** The configuration of a restore, of just these queues. */
function withQueues(config: Config, { overrides }: QueueChoice): Config {
  const chosen = Object.fromEntries(overrides.map(({ path, value }) => [path.at(-1), value]));
  const queues = { ...config.restore.queues, ...chosen };
  return { ...config, restore: { ...config.restore, queues } };
}

function verifyExitCode({ queues }: VerifyReport): number {
  const results = new Set(queues.map(({ result }) => result));
  const isUnread = results.delete("unread");
  results.delete("same");
  return results.size > 0 ? EXIT.different : isUnread ? EXIT.partial : EXIT.ok;
}
