import assert from "node:assert/strict";
import { resumeCommand, shellWord } from "./resume_command.ts";

const parts = { invocation: "rabbitmq-backup", backupId: "nightly-20250304", folder: "/home/me" };

const CASES: [argv: string[], expected: string][] = [
  [["backup", "-c", "/etc/b.yaml"], "backup -c /etc/b.yaml"],
  [["backup", "--backup-id", "nightly-%Y", "-c", "/b.yaml"], "backup -c /b.yaml"],
  [["backup", "-bx", "--json"], "backup --json"],
  [["backup", "--backup-id=x", "-b", "y", "-q"], "backup -q"],
  [["backup", "-vqbx"], "backup -vq"],
  [["backup", "--include", "a b*", "it's"], "backup --include 'a b*' 'it'\\''s'"],
  [
    ["backup", "--amqp-url", "amqp://u:canary@h", "-v"],
    'backup --amqp-url "$RABBITMQ_BACKUP_AMQP_URL" -v',
  ],
  [["backup", "--amqp-url=amqp://u:canary@h"], 'backup --amqp-url "$RABBITMQ_BACKUP_AMQP_URL"'],
  [["backup", "--amqp-url", "amqp://u@h"], "backup --amqp-url amqp://u@h"],
  // Paths that mean the same in every folder.
  [["backup", "-c", "b.yaml", "-p../b c"], "backup -c /home/me/b.yaml -p '/home/b c'"],
  [["backup", "-qcb.yaml"], "backup -q -c /home/me/b.yaml"],
  [["restore", "-yc", "b.yaml"], "restore -y -c /home/me/b.yaml"],
  [["backup", "--config=./b.yaml"], "backup --config /home/me/b.yaml"],
  [
    ["restore", "--db-path", "s.db", "--spool-dir=s"],
    "restore --db-path /home/me/s.db --spool-dir /home/me/s",
  ],
  [["restore", "--tls-ca-cert", "ca.pem"], "restore --tls-ca-cert /home/me/ca.pem"],
  // Another run's lock is broken once, and not whenever this one goes on.
  [["backup", "--break-lock", "-v"], "backup -v"],
  [["backup", "-p", "memory://"], "backup -p memory://"],
  [["backup", "-p", "file:///b"], "backup -p file:///b"],
  [["backup", "-p", "~/b"], "backup -p '~/b'"],
];

for (const [argv, expected] of CASES) {
  Deno.test(`resumeCommand(${argv.join(" ")})`, () => {
    const command = resumeCommand(argv, parts);
    assert.equal(command, `rabbitmq-backup ${expected} --backup-id nightly-20250304`);
    assert.ok(!command.includes("canary"));
  });
}

Deno.test("resumeCommand() starts in the folder from which a file's paths are meant", () => {
  const command = resumeCommand(["backup"], { ...parts, folder: "/a b", needsFolder: true });
  assert.equal(command, "cd '/a b' && rabbitmq-backup backup --backup-id nightly-20250304");
});

Deno.test("shellWord() gives sh back what it was given", async () => {
  for (const word of ["plain", "a b", "it's", '$HOME `x` "y"', "*", "~/x", "", "new\nline"]) {
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `printf %s ${shellWord(word)}`],
    }).output();
    assert.equal(new TextDecoder().decode(stdout), word);
  }
});
