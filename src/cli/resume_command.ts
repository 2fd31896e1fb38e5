/** What {@linkcode resumeCommand} puts around the arguments. */
export interface ResumeParts {
  readonly invocation: string;
  readonly backupId: string;
}

/**
 * The command line that does the same again under a literal id, quoted for a shell. A URL with a
 * password is replaced by the variable that can hold it.
 */
export function resumeCommand(argv: readonly string[], parts: ResumeParts): string {
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (/^(-b|--backup-id)$/.test(word)) index++;
    else if (/^(-b.|--backup-id=)/s.test(word)) continue;
    else if (word === "--amqp-url") words.push(word, urlWord(argv[++index] ?? ""));
    else if (word.startsWith("--amqp-url=")) {
      words.push("--amqp-url", urlWord(word.slice("--amqp-url=".length)));
    } else words.push(quoted(word));
  }
  return [parts.invocation, ...words, "--backup-id", quoted(parts.backupId)].join(" ");
}

function urlWord(url: string): string {
  return /:\/\/[^/@]*:[^@]*@/.test(url) ? '"$RABBITMQ_BACKUP_AMQP_URL"' : quoted(url);
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
