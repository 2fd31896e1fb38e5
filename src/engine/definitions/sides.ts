import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { ManagementClient } from "../../broker/management/client.ts";
import type { BrokerEndpoint, Config } from "../../config/config.ts";
import { parseStorageLocation } from "../../config/storage_url.ts";
import {
  type Definitions,
  filtered,
  originalVhost,
  VHOST_KINDS,
} from "../../definitions/document.ts";
import { type DefinitionsDiff, diffDefinitions } from "../../definitions/diff.ts";
import { readDefinitions } from "../../definitions/export.ts";
import { parseDefinitions } from "../../definitions/parse.ts";
import { AppError } from "../../errors.ts";
import { openStorage } from "../../storage/open.ts";
import type { Storage } from "../../storage/storage.ts";
import { readBackupDefinitions } from "../stored/definitions.ts";

/** One of two things whose definitions are held against each other. */
export type Side =
  | { readonly type: "broker"; readonly endpoint: BrokerEndpoint }
  | { readonly type: "file"; readonly path: string }
  /** A backup in a store of its own, closed after use. */
  | { readonly type: "backup"; readonly open: () => Promise<Storage>; readonly backupId: string };

/** What {@linkcode sideOf} goes by. */
export interface SideContext {
  readonly config: Config;
  /** Turns an id as it was given, perhaps `latest` or its beginning, into that of a backup. */
  chooseBackup(storage: Storage, named: string): Promise<string>;
  readFile(path: string): Promise<string>;
  readonly signal: AbortSignal;
}

/** Definitions, and the vhost that their objects do not name when they are of a single one. */
export interface LoadedSide {
  readonly definitions: Definitions;
  readonly vhost: string | undefined;
}

/** Words that stand for brokers of the configuration. */
const BROKERS = ["live", "source", "target"];

/**
 * What a word on the command line stands for: `source`, `target`, or `live` for the one that is
 * configured; a file, or `-` for standard input; the folder or URL of a backup; an id in the
 * configured store.
 *
 * @throws AppError `usage` when it is nothing of these
 */
export async function sideOf(word: string, { config }: Pick<SideContext, "config">): Promise<Side> {
  if (BROKERS.includes(word)) return { type: "broker", endpoint: brokerOf(word, config) };
  if (word === "-") return { type: "file", path: word };
  if (/^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(word)) {
    const [location] = word.split("?", 1) as [string];
    return backupAt(location, word.slice(location.length));
  }
  const info = await stat(word).catch(() => undefined);
  if (info?.isDirectory()) return backupAt(word);
  if (info !== undefined) return { type: "file", path: word };
  const { storage } = config;
  if (storage !== undefined && !word.includes("/")) {
    return { type: "backup", open: () => openStorage(storage), backupId: word };
  }
  throw new AppError("usage", `Cannot read ${word}: there is no such file or backup`, {
    hint:
      "Name a file, a folder or URL of a backup, an id together with --path STORAGE, or one of " +
      `${BROKERS.join(", ")} for a running broker`,
  });
}

/** Reads the definitions of a side. */
export async function loadSide(side: Side, context: SideContext): Promise<LoadedSide> {
  switch (side.type) {
    case "broker": {
      const client = new ManagementClient(side.endpoint);
      const definitions = await readDefinitions(client, { signal: context.signal });
      return { definitions, vhost: undefined };
    }
    case "file":
      return ofText(await context.readFile(side.path));
    case "backup": {
      const storage = await side.open();
      try {
        const backupId = await context.chooseBackup(storage, side.backupId);
        return ofText(await readBackupDefinitions(storage, backupId));
      } finally {
        await storage.close();
      }
    }
  }
}

/**
 * Holds two sides against each other. Where one is of a single vhost, or `vhost` names one, only that
 * vhost counts.
 */
export function compareSides(
  from: LoadedSide,
  to: LoadedSide,
  { vhost }: { vhost?: string | undefined } = {},
): DefinitionsDiff {
  const only = vhost ?? from.vhost ?? to.vhost;
  if (only === undefined) return diffDefinitions(from.definitions, to.definitions);
  // Of two single ones each is compared with the other, wherever they were taken.
  const single = from.vhost !== undefined && to.vhost !== undefined;
  const narrowed = (side: LoadedSide) =>
    filtered(
      side.definitions,
      (kind, object) =>
        VHOST_KINDS.includes(kind) && (object.vhost ?? only) === only &&
        // They tell of no permissions.
        (vhost !== undefined || !/permissions$/.test(kind)),
    );
  const vhosts = single
    ? { from: only, to: only }
    : { from: from.vhost ?? only, to: to.vhost ?? only };
  return diffDefinitions(narrowed(from), narrowed(to), vhosts);
}

function ofText(text: string): LoadedSide {
  const definitions = parseDefinitions(text);
  return { definitions, vhost: originalVhost(definitions) };
}

function brokerOf(word: string, { source, target }: Config): BrokerEndpoint {
  const endpoint = word === "source" ? source : word === "target" ? target : target ?? source;
  if (endpoint !== undefined) return endpoint;
  const what = word === "live" ? "no broker" : `no ${word}`;
  throw new AppError("usage", `Cannot read ${word}: ${what} is configured`, {
    hint: word === "source"
      ? "Set source.amqp_url in the configuration file"
      : "Use --amqp-url, or set it in the configuration file",
  });
}

/** The last part of a folder or URL is the backup's id. */
function backupAt(location: string, query = ""): Side {
  const trimmed = location.replace(/\/+$/, "");
  const config = parseStorageLocation(dirname(trimmed) + query);
  return { type: "backup", open: () => openStorage(config), backupId: basename(trimmed) };
}
