import type { BackupOptions, OnHazard, PartialRead } from "../../config/config.ts";
import { compileName } from "../../config/name_pattern.ts";

/** What may be chosen for single queues. */
export interface QueueChoices {
  readonly onHazard: OnHazard;
  readonly partial: PartialRead;
  readonly maxHoldSecs: number | undefined;
}

/** The choices for a queue: those of the first override that matches, and of all queues. */
export function compileOverrides(
  options: Pick<BackupOptions, "on_hazard" | "partial" | "max_hold_secs" | "queue_overrides">,
): (queue: { vhost: string; name: string }) => QueueChoices {
  const overrides = options.queue_overrides.map(({ queues, vhosts, ...choices }) => ({
    choices,
    names: queues.map(compileName),
    vhosts: vhosts?.map(compileName),
  }));
  return ({ vhost, name }) => {
    const found = overrides.find(({ names, vhosts }) =>
      names.some((matches) => matches(name)) &&
      (vhosts === undefined || vhosts.some((matches) => matches(vhost)))
    )?.choices;
    return {
      onHazard: found?.on_hazard ?? options.on_hazard,
      partial: found?.partial ?? options.partial,
      maxHoldSecs: found?.max_hold_secs ?? options.max_hold_secs,
    };
  };
}
