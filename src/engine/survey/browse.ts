import { ManagementClient } from "../../broker/management/client.ts";
import { type Config, requireSource } from "../../config/config.ts";
import {
  type DiscoveredQueue,
  discoverQueues,
  type SourceIdentity,
  sourceIdentity,
} from "./discover.ts";

/** The queues of a source for a person to look at. Figures are the broker's statistics: some seconds old. */
export interface SourceView {
  readonly source: SourceIdentity;
  readonly queues: readonly DiscoveredQueue[];
}

/** Asks the management API only; throws as {@linkcode ManagementClient}. */
export async function browseSource(
  config: Config,
  options: { signal: AbortSignal },
): Promise<SourceView> {
  const endpoint = requireSource(config);
  const client = new ManagementClient(endpoint);
  const source = await sourceIdentity(client, options);
  const { queues } = await discoverQueues(client, endpoint.queues, options);
  return { source, queues };
}
