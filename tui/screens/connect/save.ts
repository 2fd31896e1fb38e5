import { resolve } from "node:path";
import type { Session } from "../../app/session.ts";

/** In the folder where the program was started. */
const SAVED_AS = "rabbitmq-backup.yaml";

/** Saves what was typed as a configuration file, which the list of recent ones has from then on. */
export async function saveConnection(session: Session): Promise<void> {
  const { connection } = session;
  if (connection === undefined) return;
  if (connection.lacks !== undefined) {
    return session.navigator.tell(`Nothing was written: no ${connection.lacks} was typed`);
  }
  try {
    await Deno.writeTextFile(SAVED_AS, connection.yaml, { createNew: true, mode: 0o600 });
    await session.recent.add(resolve(SAVED_AS), session.call.now());
    session.navigator.tell(`Saved as ${SAVED_AS}: it takes the variable RABBITMQ_PASSWORD`);
  } catch (error) {
    session.navigator.tell(
      error instanceof Deno.errors.AlreadyExists
        ? `There is a ${SAVED_AS} already: nothing was written`
        : session.failure(error).message,
    );
  }
}
