/** Names that only a broker or a storage knows. */
import type { Environment } from "../../config/interpolate.ts";
import { brokerSettings, STORAGE_SETTINGS } from "../setting_groups.ts";
import { collectOverrides, variableOf } from "../settings.ts";

/** Flags whose values are such names. */
const SOURCES: Readonly<Record<string, "queues" | "vhosts" | "backups">> = {
  "--include": "queues",
  "--exclude": "queues",
  "--select-queue": "queues",
  "--vhost": "vhosts",
  "--select-vhost": "vhosts",
  "--backup-id": "backups",
};

/** Commands that read from a broker; all others are about the target. */
const AT_SOURCE = new Set(["backup", "definitions-export"]);

/** What {@linkcode namesFor} goes by. */
export interface Surroundings {
  readonly command: string;
  /** Values of flags before the cursor, by commander's keys. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** The names that a flag's value may be; undefined when they are not of a kind that can be asked for. */
export async function namesFor(
  flag: string,
  surroundings: Surroundings,
): Promise<string[] | undefined> {
  const what = SOURCES[flag];
  if (what === undefined) return undefined;
  return await (what === "backups" ? backupIds(surroundings) : brokerNames(surroundings, what));
}

async function brokerNames(
  { command, flags, env, signal }: Surroundings,
  what: "queues" | "vhosts",
): Promise<string[]> {
  const side = AT_SOURCE.has(command) ? "source" : "target";
  const { loadConfig } = await import("../../config/load.ts");
  const { ManagementClient } = await import("../../broker/management/client.ts");
  const overrides = collectOverrides([brokerSettings(side)], { env, flags });
  const { config } = await loadConfig({
    ...fileOf({ flags, env }),
    overrides,
    env,
    sections: [side],
  });
  const endpoint = config[side];
  if (endpoint === undefined) return [];
  const client = new ManagementClient(endpoint, { retries: 0 });
  const found = what === "queues"
    ? await client.queues({ signal })
    : await client.vhosts({ signal });
  return found.map(({ name }) => name);
}

async function backupIds({ flags, env, signal }: Surroundings): Promise<string[]> {
  const { loadConfig } = await import("../../config/load.ts");
  const { requireStorage } = await import("../../config/config.ts");
  const { openStorage } = await import("../../storage/open.ts");
  const { listBackups } = await import("../../engine/stored/list.ts");
  const overrides = collectOverrides([STORAGE_SETTINGS], { env, flags });
  const { config } = await loadConfig({
    ...fileOf({ flags, env }),
    overrides,
    env,
    sections: ["storage"],
  });
  const storage = await openStorage(requireStorage(config), { onWait: () => {} });
  try {
    signal.throwIfAborted();
    return ["latest", ...(await listBackups(storage)).map(({ backupId }) => backupId)];
  } finally {
    await storage.close();
  }
}

function fileOf({ flags, env }: Pick<Surroundings, "flags" | "env">): { path?: string } {
  const path = flags.config ?? env(variableOf("config"));
  return path === undefined || path === "" ? {} : { path: String(path) };
}
