const VARIABLE = "RABBITMQ_BACKUP_AMQP_URL";
/** Files of one command in a folder. */
const MOST = 100;

/** What has to be known of a command line before it is run; undefined: nothing. */
export function conditionOf(line: string): string | undefined {
  if (!line.includes(`$${VARIABLE}`)) return undefined;
  return `${VARIABLE} has to hold the URL of the broker, with the password.`;
}

/** A command line as a script for sh. */
export function scriptOf(line: string): string {
  const condition = conditionOf(line);
  const check = condition === undefined
    ? []
    : [`: "\${${VARIABLE}:?has to hold the URL of the broker, with the password}"`];
  return ["#!/bin/sh", "# Saved in the user interface of rabbitmq-backup.", ...check, line, ""]
    .join("\n");
}

/**
 * Saves a command line as a script in a folder, under a name that is free, and returns the name.
 * `command` is the one that it runs, such as `restore`.
 */
export async function saveCommand(
  folder: string,
  { line, command }: { line: string; command: string },
): Promise<string> {
  for (let number = 1; number <= MOST; number++) {
    const name = `rabbitmq-backup-${command}${number === 1 ? "" : `-${number}`}.sh`;
    try {
      await Deno.writeTextFile(`${folder}/${name}`, scriptOf(line), {
        createNew: true,
        mode: 0o700,
      });
      return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  throw new Error(`Cannot save the command: ${folder} has ${MOST} of them already`);
}
