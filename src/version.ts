/** What `scripts/build` puts in place of {@linkcode BUILD} when it bundles the program. */
export interface Build {
  /** The commit it was made from, with `+changes` when files were not as committed. */
  readonly commit: string;
}

declare global {
  var RABBITMQ_BACKUP_BUILD: Build | undefined;
}

/** Version of this tool, as in `deno.json`. */
export const VERSION = "0.1.0";

/** There when this is a bundle; undefined when the program runs from its sources. */
export const BUILD: Build | undefined = globalThis.RABBITMQ_BACKUP_BUILD;
