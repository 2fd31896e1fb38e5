import { type Config, requireTarget } from "../../../src/config/config.ts";
import { EXIT, exitCodeOf } from "../../../src/console/exit_code.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import { importLines, keptLine } from "../../../src/console/text/import_text.ts";
import type { ImportOutcome } from "../../app/engine.ts";
import type { Binding } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { openConfirm } from "../confirm/screen.tsx";
import { openReport } from "../report/screen.tsx";
import { openRun } from "../run/screen.tsx";

const IMPORT_KEY: Binding<"next"> = {
  keys: ["enter"],
  command: "next",
  hint: "import",
  help: "do what the plan says",
  writes: true,
};

/** What an import of a backup's definitions would do; it is done when the target's name was typed. */
export function openImportPlan(session: Session, backupId: string): Screen {
  let planned: { config: Config; outcome: ImportOutcome } | undefined;
  let flags: readonly string[] = [];
  return openReport(session, {
    title: `Import of ${backupId}`,
    asking: "Looking at the broker",
    get commandLine() {
      return session.commandLine("definitions-import", commandFlags());
    },
    async ask(signal) {
      planned = undefined;
      const loaded = await session.loadRestore([]);
      flags = loaded.flags;
      const { config } = loaded;
      const outcome = await session.engine.importDefinitions({
        config,
        backupId,
        dryRun: true,
        signal,
      });
      planned = { config, outcome };
      return importLines(outcome.report, { style: session.call.style, all: true });
    },
    next() {
      if (planned === undefined) return undefined;
      const { config, outcome: { report } } = planned;
      if (config.restore.definitions_dry_run) return undefined;
      const isNothing = report.created.length + report.updated.length === 0;
      if (report.blocked !== undefined || isNothing) return undefined;
      return { binding: IMPORT_KEY, go: () => confirm(config) };
    },
  });

  function commandFlags(): string[] {
    return [...flags, "--backup-id", shellWord(backupId)];
  }

  function confirm(config: Config): void {
    const target = requireTarget(config).amqp_url.address;
    session.navigator.open(openConfirm({
      target,
      lines: [`The definitions of ${backupId} will be imported into ${target}.`],
      button: "Import",
      commandLine: () => session.commandLine("definitions-import", commandFlags()),
      cancel: () => session.navigator.back(),
      confirm() {
        session.navigator.back();
        session.navigator.replace(importRun(config));
      },
    }));
  }

  function importRun(config: Config): Screen {
    return openRun<ImportOutcome>(session, {
      title: `Import of ${backupId}`,
      what: "The import",
      stopping: "what the broker took stays",
      command: "definitions-import",
      flags: commandFlags(),
      run: ({ signal }) =>
        session.engine.importDefinitions({ config, backupId, dryRun: false, signal }),
      end: (outcome) => ({
        lines: [
          ...importLines(outcome.report, { style: session.call.style, all: true }),
          ...outcome.kept === undefined ? [] : [keptLine(outcome.kept, outcome)],
        ],
        exitCode: exitCodeOfImport(outcome),
      }),
    });
  }
}

function exitCodeOfImport({ report }: ImportOutcome): number {
  if (report.blocked !== undefined) return exitCodeOf("refused");
  return report.complete ? EXIT.ok : EXIT.partial;
}
