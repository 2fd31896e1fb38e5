import type { DefinitionsChoice } from "../../config/config.ts";
import type { Definitions } from "../../definitions/document.ts";
import { checkComplete, parseDefinitions } from "../../definitions/parse.ts";
import { prepareDefinitions } from "../../definitions/prepare.ts";
import type { Storage } from "../../storage/storage.ts";
import { readDefinitions } from "../stored/definitions.ts";
import { loadManifest } from "../stored/list.ts";
import { placeInBackup, type RollbackPlace } from "./rollback.ts";

/** What an import takes: definitions, and the place for what the broker has before. */
export interface PreparedImport {
  readonly definitions: Definitions;
  readonly place: RollbackPlace;
}

/**
 * Definitions as text, as an import takes them: all of it there, selected and transformed.
 *
 * @throws {AppError} as `parseDefinitions` and `prepareDefinitions`
 */
export function definitionsToImport(text: string, choice: DefinitionsChoice): Definitions {
  const parsed = parseDefinitions(text);
  checkComplete(parsed);
  return prepareDefinitions(parsed, choice);
}

/** The definitions of a backup, for an import. Throws as `readBackupDefinitions` does, too. */
export async function importOfBackup(
  storage: Storage,
  { backupId, choice }: { backupId: string; choice: DefinitionsChoice },
): Promise<PreparedImport> {
  const manifest = await loadManifest(storage, backupId);
  const text = await readDefinitions(storage, manifest);
  return {
    definitions: definitionsToImport(text, choice),
    place: placeInBackup(storage, manifest),
  };
}
