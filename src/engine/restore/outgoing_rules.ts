import { ManagementClient } from "../../broker/management/client.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { OutgoingRules } from "./outgoing.ts";
import type { Target } from "./targets.ts";

/** Options of {@linkcode readOutgoingRules}. */
export interface OutgoingOptions {
  readonly config: Config;
  readonly connections: ConnectionPool;
  readonly targets: readonly Target[];
  readonly signal: AbortSignal;
}

/**
 * What the properties of messages have to become for this target and user, found out before the first
 * message: one with a user_id that the target does not take would close the channel over all others.
 *
 * @throws {AppError} `refused` when every user_id is to be kept, and cannot be
 */
export async function readOutgoingRules(
  options: OutgoingOptions,
): Promise<OutgoingRules> {
  const { config, connections, targets } = options;
  const { user_id: foreignUserId, dedupe_header: dedupeHeader } = config.restore;
  const notesOrigin = config.restore.stream_origin_annotations;
  const { username } = requireTarget(config).amqp_url;
  const first = targets.find(({ action, position }) => action !== "skip" && !position.done);
  const impersonates = first !== undefined &&
    await connections.use(first.destination.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      return await inspector.mayImpersonate() ?? await isTagged(options);
    });
  if (first !== undefined && foreignUserId === "keep" && !impersonates) {
    throw new AppError(
      "refused",
      `Cannot keep every user_id: the target takes those of other users from a user with the tag ` +
        `"impersonator" only, and "${username}" has it not`,
      { hint: `give "${username}" that tag, or choose --user-id fail, drop or header` },
    );
  }
  return { username, impersonates, foreignUserId, dedupeHeader, notesOrigin };
}

/** By the management API, for a user who may not publish to queues: perhaps to exchanges. */
async function isTagged({ config, signal }: OutgoingOptions): Promise<boolean> {
  // That it may not publish, the broker will say of the first message.
  if (config.restore.publish_mode === "direct-to-queue") return true;
  const target = requireTarget(config);
  if (target.management_username !== target.amqp_url.username) return false;
  try {
    const { tags } = await new ManagementClient(target, { retries: 1 }).whoami({ signal });
    return tags.includes("impersonator");
  } catch (error) {
    if (!(error instanceof AppError) || signal.aborted) throw error;
    return false;
  }
}
