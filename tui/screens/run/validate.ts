import { EXIT } from "../../../src/console/exit_code.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import { validationLines } from "../../../src/console/text/validation_text.ts";
import type { ValidationReport } from "../../../src/engine/stored/validate.ts";
import type { Screen } from "../../app/screen.ts";
import { checkKey, type Session } from "../../app/session.ts";
import { openRun } from "./screen.tsx";

/** Checks that a backup is whole; `deep`: every record of it. */
export function openValidateRun(
  session: Session,
  { backupId, deep }: { backupId: string; deep: boolean },
): Screen {
  return openRun<ValidationReport>(session, {
    title: "Validate",
    what: "The check",
    stopping: "ending the check",
    command: "validate",
    flags: ["--backup-id", shellWord(backupId), ...deep ? ["--deep"] : []],
    async run(tools) {
      const config = await session.load("restore");
      const report = await session.engine.validate({ config, backupId, deep, ...tools });
      const at = session.call.now().getTime();
      session.checks.set(checkKey(config, backupId), { deep, isWhole: report.valid, at });
      return report;
    },
    end: (report) => ({
      lines: validationLines(report, session.call.style),
      exitCode: report.valid ? EXIT.ok : EXIT.damaged,
    }),
  });
}
