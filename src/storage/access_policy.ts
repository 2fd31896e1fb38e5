import type { StorageConfig } from "../config/config.ts";

/** What the rights are for. */
export interface AccessUse {
  /** `backup` writes and reads, `restore` reads. */
  readonly use: "backup" | "restore";
  /** A restore that imports definitions keeps what was there before, beside the backup. */
  readonly importsDefinitions: boolean;
}

/** Least rights, ready to be copied. */
export interface AccessPolicy {
  /** What it is, and where it goes. */
  readonly title: string;
  readonly language: "json" | "sh";
  readonly text: string;
}

/** Keys of what the tool removes by itself, `*` for any text: never a manifest, never definitions. */
export const DELETED_KEYS: readonly string[] = [
  "*/unfinished.json",
  "*/runs/*",
  "*/queues/*",
  "rabbitmq-backup-doctor-*",
];

/** Keys that a restore writes which imports definitions. */
export const SNAPSHOT_KEYS = "*/definitions/rollback-before-import-*";

/** The least rights on a store that a backup or restore with this configuration needs. */
export async function accessPolicies(
  config: StorageConfig,
  use: AccessUse,
): Promise<AccessPolicy[]> {
  switch (config.backend) {
    case "memory":
      return [];
    case "filesystem":
      return [folderPolicy(config.path, use)];
    case "s3":
      return (await import("./s3/policy.ts")).s3Policies(config, use);
    case "azure":
      return (await import("./azure/policy.ts")).azurePolicies(config, use);
    case "gcs":
      return (await import("./gcs/policy.ts")).gcsPolicies(config, use);
  }
}

/** A word as a POSIX shell takes it. */
export function shellQuoted(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function folderPolicy(path: string, { use }: AccessUse): AccessPolicy {
  const mode = use === "backup" ? "0700" : "0500";
  return {
    title: `The folder of the backups, for the user who runs ${use}s`,
    language: "sh",
    text: `install -d -m ${mode} -o "$USER_OF_BACKUPS" ${shellQuoted(path)}`,
  };
}
