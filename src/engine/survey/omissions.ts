import type { QueueFilter } from "../../config/config.ts";
import { isPlainName } from "../../config/name_pattern.ts";
import type { WarningEvent } from "../events.ts";
import type { Survey } from "./survey.ts";

/** Something beside single queues that was or may have been asked for, and is not in the backup. */
export interface Omission extends Omit<WarningEvent, "type"> {
  /** It makes the backup partial; else it may be as it should. */
  readonly isMissing: boolean;
}

/** Tags of users who see virtual hosts on which they have no permission. */
const SEES_ALL: ReadonlySet<string> = new Set(["monitoring", "administrator"]);

/** What the survey did not see. */
export function omissionsOf(
  { closedVhosts, delayedExchanges, unmatched, userTags }: Omit<Survey, "plan">,
  filter: QueueFilter,
): Omission[] {
  const closed = closedVhosts.map((vhost): Omission => ({
    isMissing: true,
    vhost,
    message: `the queues of vhost "${vhost}" are not in this backup: the user may not list them`,
    hint: "grant the user read permission on the vhost, or leave it out by source.queues.vhosts",
  }));
  const names = unmatched.map((pattern): Omission => ({
    isMissing: isPlainName(pattern),
    message: `nothing matches "${pattern}"`,
    hint: "check the patterns in source.queues, and that the user may see the vhost",
  }));
  const namesVhosts = filter.vhosts.length > 0 && filter.vhosts.every(isPlainName);
  const unseen: Omission[] = userTags.some((tag) => SEES_ALL.has(tag)) || namesVhosts ? [] : [{
    isMissing: true,
    message:
      "virtual hosts on which the user has no permission are not in this backup, and are not " +
      "even seen",
    hint: "give the user the tag monitoring, or name the virtual hosts in source.queues.vhosts",
  }];
  const delayed = delayedExchanges
    .filter(({ messages }) => messages !== 0)
    .map(({ vhost, name, messages }): Omission => ({
      isMissing: true,
      vhost,
      message: `${messages ?? "pending"} delayed messages of exchange "${name}" of vhost ` +
        `"${vhost}" are not in this backup: no client can read them`,
      hint: "back up when none are pending",
    }));
  return [...closed, ...names, ...unseen, ...delayed];
}
