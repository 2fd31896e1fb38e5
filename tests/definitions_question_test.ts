/** On a terminal, imports of definitions and rollbacks show what they would do, and ask. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { PtyRun } from "./helpers/pty.ts";
import { management, put, queueDepth, testVhost } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;
const QUESTION = /Import into http:\/\/127\.0\.0\.1:\d+\? \[y\/N\] $/;
const BACK = /Roll back http:\/\/127\.0\.0\.1:\d+\? \[y\/N\] $/;

Deno.test("an import and its rollback ask, and do nothing but after a yes", async () => {
  await using vhost = await testVhost(shared, "ask");
  await using job = await newJob(shared);
  const target = { management_url: shared.managementUrl };
  await job.restoreArgs({ target });
  const limit = (length: number) => ({
    pattern: "^orders$",
    "apply-to": "queues",
    definition: { "max-length": length },
  });
  await put(shared, `policies/${vhost.name}/limit`, limit(7));
  const file = await job.dir.write("wanted.json", definitions(vhost.name, limit(9)));
  const common = ["-c", job.dir.join("restore.yaml"), "--rollback-dir", job.dir.join("kept")];
  const args = ["definitions-import", ...common, "-i", file];
  const queue = { vhost: vhost.name, name: "orders" };

  for (const keys of ["n\n", "\u0004"]) {
    await using run = new PtyRun(args);
    await run.waitFor(QUESTION);
    assert.match(run.screen, /Would be created:\r\n +queue orders/);
    assert.match(run.screen, /definition\.max-length: 7 -> 9/);
    assert.doesNotMatch(run.screen, /Nothing was done/);
    await run.type(keys);
    assert.equal(await run.end(), 13, run.screen);
    assert.match(run.screen, /^Error: Nothing was imported, as the answer was not yes\r\n/m);
    assert.equal(await queueDepth(shared, queue), undefined);
  }
  await assert.rejects(Deno.stat(job.dir.join("kept")), Deno.errors.NotFound);

  await using yes = new PtyRun(args);
  await yes.waitFor(QUESTION);
  await yes.type("y\n");
  assert.equal(await yes.end(), 0, yes.screen);
  assert.equal(await queueDepth(shared, queue), 0);
  // Nothing to do is nothing to ask.
  await using again = new PtyRun(args);
  assert.equal(await again.end(), 0, again.screen);
  assert.doesNotMatch(again.screen, /\[y\/N\]/);

  // The snapshot of a shared broker is of all: only what is of this test is brought back.
  const own = await job.dir.write("own.json", definitions(vhost.name, limit(7)));
  const back = ["definitions-rollback", ...common, "-i", own];
  await using no = new PtyRun(back);
  await no.waitFor(BACK);
  await no.type("\n");
  assert.equal(await no.end(), 13, no.screen);
  assert.match(no.screen, /^Error: Nothing was rolled back/m);
  assert.equal(await limitOf(vhost.name), 9);
  for (const flag of ["--yes", "--json"]) {
    await using run = new PtyRun([...(flag === "--yes" ? back : args), flag]);
    assert.equal(await run.end(), 0, run.screen);
    assert.doesNotMatch(run.screen, /\[y\/N\]/);
  }
  assert.equal(await limitOf(vhost.name), 9);
});

Deno.test("the way back of an import that broke off is what was there before its first try", async () => {
  await using vhost = await testVhost(shared, "retry");
  await using job = await newJob(shared);
  // Stands for a broker that goes away when it has taken a part.
  let isGone = true;
  await using middle = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) =>
      isGone && request.method === "POST"
        ? new Response("gone", { status: 503 })
        : forwarded(request),
  );
  const file = await job.dir.write("wanted.json", definitions(vhost.name, undefined));
  const kept = job.dir.join("kept");
  const url = `http://127.0.0.1:${middle.addr.port}`;
  await job.restoreArgs({ target: { management_url: url } });
  const args = [
    ...["definitions-import", "-c", job.dir.join("restore.yaml"), "-i", file, "--json"],
    ...["--rollback-dir", kept],
  ];
  const broken = await runCli(args);
  assert.notEqual(broken.code, 0, broken.stdout + broken.stderr);
  const [first, ...others] = namesIn(kept).filter((name) => name.endsWith(".json"));
  assert.deepEqual(others, []);
  assert.ok(broken.stderr.includes(`kept in ${first}: definitions-rollback`), broken.stderr);

  isGone = false;
  await put(shared, `queues/${vhost.name}/orders`, { durable: true });
  const done = await runCli(args);
  assertOk(done);
  assert.equal(JSON.parse(done.stdout).rollback_snapshot, `${kept}/${first}`);
  assert.deepEqual(namesIn(kept), [first]);
});

async function forwarded(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = request.method === "POST" ? await request.text() : undefined;
  const { method, headers } = request;
  return await fetch(`${shared.managementUrl}${pathname}${search}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

async function limitOf(vhost: string): Promise<number> {
  const policy = await management(shared, `policies/${vhost}/limit`);
  return (policy as { definition: Record<string, number> }).definition["max-length"]!;
}

/** Definitions of a vhost with a queue, and perhaps a policy. */
function definitions(vhost: string, policy: Record<string, unknown> | undefined): string {
  return JSON.stringify({
    rabbitmq_version: shared.fullVersion,
    users: [],
    vhosts: [{ name: vhost }],
    permissions: [],
    policies: policy === undefined ? [] : [{ vhost, name: "limit", ...policy }],
    queues: ["orders", "more"].map((name) => ({
      ...{ vhost, name, durable: true, auto_delete: false },
      arguments: {},
    })),
    exchanges: [],
    bindings: [],
  });
}
