import assert from "node:assert/strict";
import { SCRIPTS, type Shell } from "./scripts.ts";

/** Says which words it was asked for, then what it has to offer. */
const COMPLETER = `#!/bin/sh
shift 2
for word; do printf '[%s]' "$word" >>"$0.asked"; done
printf 'plain\\twith help\\ntwo words\\na:b\\n--vhost=x\\n'
`;

function isMissing(program: string): boolean {
  try {
    return !new Deno.Command(program, { args: ["--version"] }).outputSync().success;
  } catch {
    return true;
  }
}

/** What bash offers behind a line, and the words that it asked for. */
async function inBash(line: string): Promise<{ offered: string[]; asked: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const completer = `${folder}/completer`;
    await Deno.writeTextFile(completer, COMPLETER, { mode: 0o755 });
    const script = `${SCRIPTS.bash}
      COMP_LINE=$1 COMP_POINT=\${#1}
      _rabbitmq_backup
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await new Deno.Command("bash", {
      args: ["--norc", "-c", script, "bash", line],
      env: { RABBITMQ_BACKUP_COMPLETER: completer },
    }).output();
    const offered = new TextDecoder().decode(stdout).trimEnd().split("\n");
    return { offered, asked: await Deno.readTextFile(`${completer}.asked`) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("bash: words as they were meant, and candidates as they can be typed", async () => {
  const { offered, asked } = await inBash("rabbitmq-backup backup --include 'a b' x\\ y ");
  assert.equal(asked, "[backup][--include][a b][x y][]");
  assert.deepEqual(offered, ["plain", "two\\ words", "a:b", "--vhost=x"]);
});

Deno.test("bash: what it takes for words of their own is not repeated", async () => {
  assert.equal((await inBash("rabbitmq-backup backup --vhost=")).asked, "[backup][--vhost=]");
  assert.ok((await inBash("rabbitmq-backup backup --vhost=")).offered.includes("x"));
  assert.ok((await inBash("rabbitmq-backup backup --include a:")).offered.includes("b"));
});

const SYNTAX: readonly [Shell, ...string[]][] = [
  ["bash", "-n"],
  ["zsh", "-n"],
  ["fish", "--no-execute"],
];

for (const [shell, flag] of SYNTAX) {
  Deno.test({
    name: `${shell} can read its script`,
    ignore: isMissing(shell),
    fn: async () => {
      const path = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(path, SCRIPTS[shell]);
        const { code, stderr } = await new Deno.Command(shell, { args: [flag!, path] }).output();
        assert.equal(new TextDecoder().decode(stderr), "");
        assert.equal(code, 0);
      } finally {
        await Deno.remove(path);
      }
    },
  });
}
