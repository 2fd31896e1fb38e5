import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { run } from "../lib/process.ts";

const SCRIPT = fileURLToPath(new URL("../../install.sh", import.meta.url));
const PROGRAM = "#!/bin/sh\necho rabbitmq-backup 9.9.9\n";

/** Runs the installer against a server of releases; gives what is installed, if anything. */
async function install(
  { args = [], checksum, url = "" }: { args?: string[]; checksum: string; url?: string },
) {
  const prefix = await Deno.makeTempDir();
  const asked: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    return new Response(pathname.endsWith(".sha256") ? checksum : PROGRAM);
  });
  try {
    const env = {
      PREFIX: prefix,
      RABBITMQ_BACKUP_RELEASES: url || `http://127.0.0.1:${server.addr.port}/releases`,
    };
    const result = await run(["sh", SCRIPT, ...args], { env });
    const files = await Array.fromAsync(Deno.readDir(`${prefix}/bin`));
    const text = files.length === 0
      ? undefined
      : await Deno.readTextFile(`${prefix}/bin/${files[0]!.name}`);
    return { ...result, asked, names: files.map(({ name }) => name), text };
  } finally {
    await Deno.remove(prefix, { recursive: true });
  }
}

const RIGHT = createHash("sha256").update(PROGRAM).digest("hex");

Deno.test("install.sh installs what has the right checksum", async () => {
  const { code, stdout, stderr, names, text, asked } = await install({
    checksum: `${RIGHT}  rabbitmq-backup-linux-x64\n`,
  });
  assert.equal(code, 0, stderr);
  assert.deepEqual([names, text], [["rabbitmq-backup"], PROGRAM]);
  assert.match(stdout, /^Installed rabbitmq-backup 9\.9\.9 in /);
  assert.match(
    asked[0]!,
    /^\/releases\/latest\/download\/rabbitmq-backup-(linux|macos)-(x64|arm64)$/,
  );
});

Deno.test("install.sh takes the version that is named", async () => {
  const { code, asked } = await install({ args: ["0.1.0"], checksum: RIGHT });
  assert.equal(code, 0);
  assert.match(asked[0]!, /^\/releases\/download\/v0\.1\.0\//);
});

Deno.test("install.sh installs nothing that has another checksum, or none", async () => {
  for (const checksum of [RIGHT.replace(/^./, (digit) => digit === "0" ? "1" : "0"), ""]) {
    const { code, stderr, names } = await install({ checksum });
    assert.equal(code, 1);
    assert.match(stderr, /^install\.sh: Cannot install .*SHA-256/);
    assert.deepEqual(names, []);
  }
});

Deno.test("install.sh says when nothing answers", async () => {
  const { code, stderr, names } = await install({ checksum: RIGHT, url: "http://127.0.0.1:9/x" });
  assert.equal(code, 1);
  assert.match(stderr, /install\.sh: Cannot download http:\/\/127\.0\.0\.1:9\/x\/latest/);
  assert.deepEqual(names, []);
});
