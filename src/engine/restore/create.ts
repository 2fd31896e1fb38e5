import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { RestoreQueueRow } from "../../checkpoint/rows.ts";
import { AppError, messageOf } from "../../errors.ts";
import { type Bindings, bindQueue, toBeBound } from "./bindings.ts";
import type { RestoreContext } from "./context.ts";
import type { Target } from "./targets.ts";

/** Creates a queue and makes its bindings, or makes those that an earlier run has not. */
export async function createBound(
  context: RestoreContext,
  { target, bindings }: { target: Target; bindings: Bindings },
): Promise<RestoreQueueRow> {
  const { checkpoint, run } = context;
  const isBound = toBeBound(target);
  // Recorded before, so that a run that is killed in between knows what is left to do.
  if (isBound) checkpoint.restores.putQueue(run.id, { ...target.position, unbound: true });
  if (target.action === "create") await create(context, target);
  if (!isBound) return target.position;
  const unbound = !await bindQueue(context, { ...target, bindings });
  const bound = { ...target.position, unbound };
  checkpoint.restores.putQueue(run.id, bound);
  return bound;
}

async function create(
  { connections }: RestoreContext,
  { destination: { vhost, name }, declaration }: Target,
): Promise<void> {
  try {
    await connections.use(vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      await inspector.declare(name, declaration!.options);
    });
  } catch (error) {
    throw refusedArgument(error, name) ?? error;
  }
}

/**
 * What the broker says of an argument that it does not take. To one of a feature that it no longer has
 * (4.3 and `x-queue-master-locator`) it answers by ending the connection.
 */
function refusedArgument(error: unknown, name: string): AppError | undefined {
  if (!(error instanceof AppError)) return undefined;
  const words = `${error.message} ${messageOf(error.cause)}`;
  const argument = /invalid arg '([^']+)'/.exec(words)?.[1];
  const feature = /Feature `([^`]+)` is deprecated/.exec(words)?.[1];
  if (argument === undefined && feature === undefined) return undefined;
  const what = argument === undefined
    ? `the target no longer has the feature ${feature}, which an argument of it asks for`
    : `the target does not take its argument ${argument}`;
  const shown = argument ?? `x-${feature!.replaceAll("_", "-")}`;
  return new AppError("refused", `Cannot create queue "${name}": ${what}`, {
    hint: `restore.drop_queue_arguments: ["${shown}"] creates it without`,
    cause: error,
  });
}
