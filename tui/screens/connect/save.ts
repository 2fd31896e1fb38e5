import { resolve } from "node:path";
import type { Session } from "../../app/session.ts";
import type { Connection } from "./connection.ts";
import type { ConnectState } from "./state.ts";
import { hasFailedTest } from "./state.ts";

/** In the folder where the program was started. */
export const SAVED_AS = "rabbitmq-backup.yaml";
/** Files that are looked at for a name that is free. */
const MOST = 100;

/** Whether there is a file of this name in the folder where the program was started. */
export async function isFile(name: string): Promise<boolean> {
  try {
    return (await Deno.stat(name)).isFile;
  } catch {
    return false;
  }
}

/**
 * Saves what was typed as a configuration file, which the list of recent ones has from then on. Asks
 * where the trial in `form` has failed, and where there is such a file.
 */
export async function saveConnection(
  session: Session,
  form: ConnectState | undefined,
): Promise<void> {
  const { connection, navigator } = session;
  if (connection === undefined) return;
  if (connection.lacks !== undefined) {
    return navigator.tell(`Nothing was written: no ${connection.lacks} was typed`);
  }
  if (form === undefined || !hasFailedTest(form)) return await saveAsked(session, connection);
  navigator.ask({
    title: "What was typed does not work",
    lines: ["The trial has failed. Save it as a configuration file all the same?"],
    choices: ["No", "Save"],
    focus: 0,
    answers: [() => {}, () => void saveAsked(session, connection)],
    keys: { n: 0, y: 1 },
  });
}

async function saveAsked(session: Session, connection: Connection): Promise<void> {
  if (!await isFile(SAVED_AS)) return await write(session, connection, { createNew: true });
  const other = await freeName();
  session.navigator.ask({
    title: `There is a ${SAVED_AS} already`,
    lines: [`Overwrite it? It can be saved as ${other} as well.`],
    choices: ["No", "Overwrite", "Other name"],
    focus: 0,
    answers: [
      () => {},
      () => void write(session, connection, { createNew: false }),
      () => void write(session, connection, { createNew: true, name: other }),
    ],
    keys: { n: 0, y: 1 },
  });
}

async function freeName(): Promise<string> {
  let number = 2;
  const name = () => SAVED_AS.replace(".", `-${number}.`);
  while (number < MOST && await isFile(name())) number++;
  return name();
}

async function write(
  session: Session,
  { yaml }: Connection,
  { createNew, name = SAVED_AS }: { createNew: boolean; name?: string },
): Promise<void> {
  const { navigator } = session;
  try {
    await Deno.writeTextFile(name, yaml, { createNew, mode: 0o600 });
    await session.recent.add(resolve(name), session.call.now());
    navigator.ask({
      title: `Saved as ${name}`,
      lines: [
        "Open it with",
        `rabbitmq-backup tui -c ${name}`,
        "",
        "The password is not in it: RABBITMQ_PASSWORD has to hold it, or c asks for it.",
      ],
      choices: ["Close"],
      focus: 0,
      answers: [() => {}],
    });
  } catch (error) {
    navigator.tell(
      error instanceof Deno.errors.AlreadyExists
        ? `There is a ${name} already: nothing was written`
        : session.failure(error).message,
    );
  }
}
