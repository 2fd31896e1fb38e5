import type { ReportedObject } from "../definitions/import.ts";
import type { DefinitionsResult } from "../engine/definitions/import.ts";
import type { RollbackPlace } from "../engine/definitions/rollback.ts";
import { confirm, isAsked } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, exitCodeOf } from "../console/exit_code.ts";
import { showResult } from "./output/document.ts";
import { importDocument, importLines, keptLine, objectLines } from "../console/text/import_text.ts";

/** What an import or a rollback came to. */
export interface ShownImport {
  readonly result: DefinitionsResult;
  readonly place: RollbackPlace;
  /** The backup that was imported. */
  readonly backupId?: string | undefined;
  /** Of a rollback: what was created since the snapshot, and stays. */
  readonly createdSince?: readonly ReportedObject[];
}

/**
 * Shows on a terminal what an import would do, and returns when the answer is yes, or there is nothing
 * to ask: nobody at a terminal, nothing to change, or a refusal that the import itself will tell.
 */
export async function askBeforeImport(
  context: CommandContext,
  { planned, address, done }: {
    planned: () => Promise<Pick<ShownImport, "createdSince"> & { result: DefinitionsResult }>;
    /** The broker that is imported into. */
    address: string;
    done: "imported" | "rolled back";
  },
): Promise<void> {
  if (!isAsked(context)) return;
  const { result: { report }, createdSince } = await planned();
  const { blocked, created, updated } = report;
  if (blocked !== undefined || created.length + updated.length === 0) return;
  const { block, errStyle: style, options: { verbosity } } = context.output;
  const all = verbosity > 0;
  const lines = [
    ...createdSinceLines(createdSince, all),
    ...importLines(report, { style, all, isQuestion: true }),
  ];
  block.print(lines.map((line) => `${line}\n`).join(""));
  const verb = done === "imported" ? "Import into" : "Roll back";
  await confirm(context, `${verb} ${address}?`, { done });
}

function createdSinceLines(objects: ShownImport["createdSince"], all: boolean): string[] {
  if (objects === undefined) return [];
  return [...objectLines("Created since, and left:", { objects, all }).slice(1), ""];
}

/** Shows what an import did; returns the exit code. */
export async function showImport(context: CommandContext, shown: ShownImport): Promise<number> {
  const { result, place, createdSince } = shown;
  const { report, snapshot } = result;
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
      ...createdSinceLines(createdSince, all),
      ...importLines(report, { style: outStyle, all }),
      ...kept === undefined ? [] : [keptLine(kept, result)],
    ],
  });
  if (report.blocked !== undefined) return exitCodeOf("refused");
  return report.complete ? EXIT.ok : EXIT.partial;
}
