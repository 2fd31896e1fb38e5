import type { DefinitionsChoice } from "../config/config.ts";
import { type Definitions, originalVhost } from "./document.ts";
import { selectDefinitions } from "./select.ts";
import { renameVhosts, transformDefinitions } from "./transform.ts";

/**
 * What is wanted of definitions: selected, then transformed, then under other names.
 *
 * @throws AppError `usage` when what is named in the choice is not there
 */
export function prepareDefinitions(
  definitions: Definitions,
  choice: DefinitionsChoice,
): Definitions {
  const selected = selectDefinitions(
    definitions,
    choice.definitions_selection,
    originalVhost(definitions),
  );
  const transformed = transformDefinitions(selected, choice.definitions_transformations);
  return renameVhosts(transformed, choice.definitions_rename_vhosts);
}
