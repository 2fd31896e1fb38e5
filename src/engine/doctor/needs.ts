import type { Config } from "../../config/config.ts";

/** Tags of users that mean something here. */
export type ManagementTag = "management" | "monitoring" | "administrator";

/** Something for which the management API is asked. */
export interface ManagementNeed {
  readonly tag: ManagementTag;
  /** What does not work without. */
  readonly purpose: string;
  /** Whether nothing works without. */
  readonly isVital: boolean;
}

/** The direction that a configuration is looked at for. */
export type Side = "backup" | "restore";

/** What a run needs of the management API. */
export function managementNeeds(config: Config, side: Side): ManagementNeed[] {
  return side === "backup" ? backupNeeds(config) : restoreNeeds(config);
}

function backupNeeds({ backup }: Config): ManagementNeed[] {
  return [
    { tag: "management", purpose: "queues cannot be listed", isVital: true },
    {
      tag: "monitoring",
      purpose: "memory and alarms of nodes are not watched, and policies not known",
      isVital: true,
    },
    ...backup.include_definitions
      ? [{
        tag: "administrator" as const,
        purpose: "definitions are not in the backup (backup.include_definitions)",
        isVital: false,
      }]
      : [],
  ];
}

function restoreNeeds({ restore }: Config): ManagementNeed[] {
  return [
    ...restore.restore_definitions
      ? [{
        tag: "administrator" as const,
        purpose: "definitions cannot be imported (restore.restore_definitions)",
        isVital: true,
      }]
      : [],
    ...restore.create_missing_vhosts
      ? [{
        tag: "administrator" as const,
        purpose: "missing vhosts cannot be created (restore.create_missing_vhosts)",
        isVital: false,
      }]
      : [],
    ...restore.publish_mode === "exchange"
      ? [{
        tag: "management" as const,
        purpose: "what the bindings make of each message cannot be counted",
        isVital: true,
      }]
      : [],
    {
      tag: "monitoring",
      purpose: "policies that the target lacks are not told",
      isVital: false,
    },
  ];
}

/** The one tag that is enough for all that is needed; undefined when none is. */
export function neededTag(needs: readonly ManagementNeed[]): ManagementTag | undefined {
  const tags: ManagementTag[] = ["administrator", "monitoring", "management"];
  return tags.find((tag) => needs.some((need) => need.tag === tag));
}
