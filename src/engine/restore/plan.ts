import type { Manifest, QueueEntry } from "../../archive/manifest.ts";
import type { Config, QueueFilter } from "../../config/config.ts";
import { compileNames } from "../../config/name_pattern.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { mappedType } from "./declaration.ts";
import { readForRestore } from "./definitions.ts";
import type { RestoreMapping } from "./mapping.ts";
import { assertOffsetNames } from "./offset_windows.ts";
import { type MessageSelection, shareOf } from "./selection.ts";
import type { Source } from "./targets.ts";

/** The queues of a backup that a filter selects. Throws when it selects none of several. */
export function selectQueues(manifest: Manifest, filter: QueueFilter): QueueEntry[] {
  const isSelected = selectorOf(filter);
  const selected = manifest.queues.filter((entry) =>
    isSelected(entry) && entry.message_count >= filter.min_messages
  );
  if (selected.length === 0 && manifest.queues.length > 0) {
    throw new AppError("usage", `Cannot restore: no queue of "${manifest.backup_id}" is selected`, {
      hint: `it has ${manifest.queues.length} queues; see describe -b ${manifest.backup_id}`,
    });
  }
  return selected;
}

/** Whether a filter selects a queue, however much is in it. */
export function selectorOf(filter: QueueFilter): (entry: QueueEntry) => boolean {
  const vhost = compileNames({ include: filter.vhosts, exclude: [] });
  const name = compileNames(filter);
  const { types } = filter;
  return (entry) =>
    vhost(entry.vhost) && name(entry.name) &&
    (types.length === 0 || types.some((type) => type === entry.queue_type));
}

/**
 * Where each queue goes, and what of it.
 *
 * @throws {AppError} `usage` when offsets are wanted of what is not one stream of these
 */
export function sourcesOf(
  entries: readonly QueueEntry[],
  { mapping, selection, config: { restore } }: {
    mapping: RestoreMapping;
    selection: MessageSelection;
    config: Pick<Config, "restore">;
  },
): Source[] {
  assertOffsetNames(selection.offsets, entries);
  return entries.map((entry) => ({
    entry,
    destination: mapping.mapQueue(entry),
    isLog: entry.stream !== undefined &&
      mappedType(entry.queue_type, restore.queue_type_mapping) === "stream",
    share: shareOf(entry, selection),
  }));
}

/**
 * Fills in what format version 1 does not keep with the queue but in the definitions: durability and
 * arguments. Version 2 has them in the manifest.
 */
export async function withDefinedArguments(
  storage: Storage,
  options: { manifest: Manifest; entries: readonly QueueEntry[] },
): Promise<QueueEntry[]> {
  const { manifest, entries } = options;
  if (manifest.format_version !== 1 || manifest.definitions === null) return [...entries];
  const { queues: defined } = await readForRestore(storage, manifest);
  return entries.map((entry) => {
    const found = defined.find(({ vhost, name }) => vhost === entry.vhost && name === entry.name);
    return found === undefined ? entry : {
      ...entry,
      durable: found.durable ?? true,
      auto_delete: found.auto_delete ?? false,
      arguments: found.arguments ?? {},
    };
  });
}
