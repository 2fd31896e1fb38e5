import assert from "node:assert/strict";
import { resumeCommand } from "./resume_command.ts";

const parts = { invocation: "rabbitmq-backup", backupId: "nightly-20250304" };

const CASES: [argv: string[], expected: string][] = [
  [["backup", "-c", "b.yaml"], "backup -c b.yaml"],
  [["backup", "--backup-id", "nightly-%Y", "-c", "b.yaml"], "backup -c b.yaml"],
  [["backup", "-bx", "--json"], "backup --json"],
  [["backup", "--backup-id=x", "-b", "y", "-q"], "backup -q"],
  [["backup", "--include", "a b*", "it's"], "backup --include 'a b*' 'it'\\''s'"],
  [
    ["backup", "--amqp-url", "amqp://u:canary@h", "-v"],
    'backup --amqp-url "$RABBITMQ_BACKUP_AMQP_URL" -v',
  ],
  [["backup", "--amqp-url=amqp://u:canary@h"], 'backup --amqp-url "$RABBITMQ_BACKUP_AMQP_URL"'],
  [["backup", "--amqp-url", "amqp://u@h"], "backup --amqp-url amqp://u@h"],
];

for (const [argv, expected] of CASES) {
  Deno.test(`resumeCommand(${argv.join(" ")})`, () => {
    const command = resumeCommand(argv, parts);
    assert.equal(command, `rabbitmq-backup ${expected} --backup-id nightly-20250304`);
    assert.ok(!command.includes("canary"));
  });
}
