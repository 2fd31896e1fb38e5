/** What the program may do, as flags of Deno: both kinds of builds are made with these. */
export interface Permission {
  readonly flag: string;
  /** What for, as docs/install.md lists it. */
  readonly reason: string;
}

/** No more than the program needs; paths and hosts are the operator's choice, so they stay open. */
export const PERMISSIONS: readonly Permission[] = [
  {
    flag: "--allow-read",
    reason: "configuration, certificates, backups, spool and progress file, wherever they are",
  },
  {
    flag: "--allow-write",
    reason: "backups in a folder, spool, progress file, exported definitions",
  },
  {
    flag: "--allow-net",
    reason: "the broker and the storage that the configuration names, and the proxy before them",
  },
  {
    flag: "--allow-env",
    reason:
      "`RABBITMQ_BACKUP_…`, `${VAR}` in the configuration, the variables of the clouds' tools",
  },
  {
    flag: "--allow-sys",
    reason:
      "room left on a disk; home folder; system and version for the clouds' libraries; the system's " +
      "certificates beside `storage.ca_cert`, which have no name to allow them alone",
  },
  {
    flag: "--allow-run",
    reason: "`credential_process` of an AWS profile, `az login`: commands that the operator chose",
  },
];

/**
 * Flags of `deno run` and `deno compile`. Whatever else is asked for is refused, not asked; Deno by itself
 * would let code come from some hosts.
 */
export function permissionFlags(): string[] {
  return [...PERMISSIONS.map(({ flag }) => flag), "--deny-import", "--no-prompt"];
}
