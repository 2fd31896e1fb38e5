import type { ReportedObject } from "../definitions/import.ts";
import type { DefinitionsResult } from "../engine/definitions/import.ts";
import type { RollbackPlace } from "../engine/definitions/rollback.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, exitCodeOf } from "../console/exit_code.ts";
import { showResult } from "./output/document.ts";
import { escapeText } from "../console/text/escape.ts";
import { importDocument, importLines, objectLines } from "../console/text/import_text.ts";

/** What an import or a rollback came to. */
export interface ShownImport {
  readonly result: DefinitionsResult;
  readonly place: RollbackPlace;
  /** The backup that was imported. */
  readonly backupId?: string | undefined;
  /** Of a rollback: what was created since the snapshot, and stays. */
  readonly createdSince?: readonly ReportedObject[];
}

/** Shows what an import did; returns the exit code. */
export async function showImport(context: CommandContext, shown: ShownImport): Promise<number> {
  const { result: { report, snapshot }, place, createdSince } = shown;
  const { options: { verbosity }, outStyle } = context.output;
  const all = verbosity > 0;
  const kept = snapshot && `${place.storage.location}/${snapshot.key}`;
  await showResult(context, {
    document: {
      v: 1,
      backup_id: shown.backupId,
      ...importDocument(report),
      created_since: createdSince,
      rollback_snapshot: kept,
    },
    text: () => [
      ...createdSince === undefined
        ? []
        : [...objectLines("Created since, and left:", { objects: createdSince, all }).slice(1), ""],
      ...importLines(report, { style: outStyle, all }),
      ...kept === undefined ? [] : [
        `What the broker had is kept in ${escapeText(kept)}; definitions-rollback brings it back.`,
      ],
    ],
  });
  if (report.blocked !== undefined) return exitCodeOf("refused");
  return report.complete ? EXIT.ok : EXIT.partial;
}
