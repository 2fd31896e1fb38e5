import type { CallOptions, ManagementClient } from "../../broker/management/client.ts";
import type { ListedQueue } from "../../broker/management/model.ts";
import { compileName, compileNames } from "../../config/name_pattern.ts";
import { didYouMean } from "../../config/nearest.ts";
import { AppError } from "../../errors.ts";

/** Up to so many vhosts are asked for their queues one by one, instead of asking for all queues. */
const FEW_VHOSTS = 10;

/** How many names a message lists. */
const NAMES_SHOWN = 5;

/** The vhosts that patterns select, and all queues listed in them and perhaps in others. */
export interface VhostSelection {
  readonly vhosts: string[];
  readonly listed: ListedQueue[];
  readonly unmatchedVhosts: string[];
  readonly closedVhosts: string[];
}

/**
 * Selects vhosts and lists their queues. A listing passes in silence over vhosts on which the user has
 * no permission; here they are found out.
 *
 * @throws AppError `broker_missing`, `broker_denied`: see `discoverQueues`
 */
export async function selectVhosts(
  client: ManagementClient,
  patterns: readonly string[],
  options: CallOptions,
): Promise<VhostSelection> {
  const all = (await client.vhosts(options)).map((vhost) => vhost.name);
  for (const pattern of patterns) {
    const name = literalName(pattern);
    if (name !== undefined && !all.includes(name)) throw noSuchVhost(name, all, client);
  }
  const vhosts = all.filter(compileNames({ include: patterns }));
  const unmatchedVhosts = patterns.filter((pattern) => !all.some(compileName(pattern)));
  const { listed, closedVhosts } = await listQueues(client, { vhosts, all, options });
  const named = new Set(patterns.map(literalName));
  const refused = closedVhosts.find((vhost) => named.has(vhost)) ??
    (closedVhosts.length === vhosts.length ? closedVhosts[0] : undefined);
  if (refused !== undefined) throw closedVhost(refused, client.username);
  return { vhosts, listed, unmatchedVhosts, closedVhosts };
}

async function listQueues(
  client: ManagementClient,
  { vhosts, all, options }: { vhosts: string[]; all: string[]; options: CallOptions },
): Promise<{ listed: ListedQueue[]; closedVhosts: string[] }> {
  const oneByOne = vhosts.length <= FEW_VHOSTS && vhosts.length < all.length &&
    vhosts.every((vhost) => client.isAddressable(vhost));
  const listed = oneByOne ? [] : await client.queues(options);
  const seen = new Set(listed.map((queue) => queue.vhost));
  const closedVhosts: string[] = [];
  for (const vhost of vhosts) {
    if (seen.has(vhost) || !client.isAddressable(vhost)) continue;
    if (!(await client.mayRead(vhost, options))) closedVhosts.push(vhost);
    else if (oneByOne) listed.push(...await client.queues({ ...options, vhost }));
  }
  return { listed, closedVhosts };
}

/** The one name that a pattern stands for; `undefined` when it may match several. */
function literalName(pattern: string): string | undefined {
  if (pattern.startsWith("~")) return undefined;
  const withoutEscapes = pattern.replace(/\\./gsu, "");
  if (/[*?[{]/.test(withoutEscapes)) return undefined;
  return pattern.replace(/\\(.)/gsu, "$1");
}

function noSuchVhost(name: string, all: string[], client: ManagementClient): AppError {
  const shown = all.slice(0, NAMES_SHOWN).map((each) => JSON.stringify(each)).join(", ");
  const more = all.length > NAMES_SHOWN ? ` and ${all.length - NAMES_SHOWN} more` : "";
  return new AppError(
    "broker_missing",
    `Cannot list queues: there is no vhost ${JSON.stringify(name)}${didYouMean(name, all)}`,
    {
      hint: all.length === 0
        ? `User "${client.username}" sees no vhost at all; give it the tag monitoring, or permissions`
        : `There are ${shown}${more}`,
    },
  );
}

function closedVhost(vhost: string, username: string): AppError {
  return new AppError(
    "broker_denied",
    `Cannot list queues of vhost ${
      JSON.stringify(vhost)
    }: user "${username}" has no permission on it`,
    {
      hint:
        `Give it read permission: rabbitmqctl set_permissions -p VHOST ${username} '^$' '^$' '.*'`,
    },
  );
}
