import assert from "node:assert/strict";
import { failure } from "../../../tests/helpers/app_error.ts";
import { Secret } from "../../config/secret.ts";
import { parseExactJson } from "../../exact_json.ts";
import { ManagementClient, type ManagementClientOptions } from "./client.ts";

const PASSWORD = "hunter2-canary";
const USER = "backup";

type Handler = (request: Request) => Response | Promise<Response>;

/** A service in place of a broker. */
class Service implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly requests: { method: string; url: URL; headers: Headers }[] = [];

  constructor(handler: Handler) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const { method, url, headers } = request;
      this.requests.push({ method, url: new URL(url), headers: new Headers([...headers]) });
      return handler(request);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  client(options: ManagementClientOptions = {}): ManagementClient {
    return clientOf(this.url, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A service that answers every connection with the same bytes, and then closes it or not. */
class RawService implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #accepting: Promise<void>;
  connections = 0;

  constructor(readonly answer: Uint8Array | string, readonly options: { hangs?: boolean } = {}) {
    this.#accepting = this.#accept();
  }

  get client(): ManagementClient {
    return clientOf(`http://127.0.0.1:${this.#listener.addr.port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch {
        // closed already
      }
    }
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.connections++;
      this.#connections.push(connection);
      await connection.read(new Uint8Array(10_000));
      const { answer } = this;
      await connection.write(
        typeof answer === "string" ? new TextEncoder().encode(answer) : answer,
      );
      if (!this.options.hangs) connection.close();
    }
  }
}

Deno.test("ManagementClient: a refused user, without the password", async () => {
  await using service = new Service(() =>
    json({ error: "not_authorized", reason: "Not_Authorized" }, 401)
  );
  const error = await failure(service.client().overview(), "broker_denied");
  assert.equal(
    error.message,
    `Cannot ask the broker at ${service.url}: user "backup" was refused`,
  );
  assert.match(error.hint ?? "", /management_username and management_password/);
  assert.equal(service.requests.length, 1, "not tried again");
});

Deno.test("ManagementClient: the broker's reason for refusing a user", async () => {
  const reason = "User can only log in via localhost";
  await using service = new Service(() => json({ error: "not_authorized", reason }, 401));
  const error = await failure(service.client().whoami(), "broker_denied");
  assert.match(error.message, /was refused \(User can only log in via localhost\)$/);
});

Deno.test("ManagementClient: names the tag that a user lacks", async () => {
  for (
    const [word, tag] of [["administrator", "administrator"], ["monitor", "monitoring"], [
      "management",
      "management",
    ], ["policymaker", "policymaker"]]
  ) {
    await using service = new Service(() =>
      json({ error: "not_authorised", reason: `Not ${word} user` }, 401)
    );
    const error = await failure(service.client().definitions(), "broker_denied");
    assert.equal(
      error.message,
      `Cannot export definitions at ${service.url}: user "backup" needs the tag "${tag}"`,
    );
    assert.match(error.hint ?? "", new RegExp(`set_user_tags backup ${tag} `));
  }
});

Deno.test("ManagementClient: a user without permission on a vhost", async () => {
  await using service = new Service(() =>
    json({
      error: "not_authorised",
      reason: "User not authorised to access virtual host",
    }, 401)
  );
  const error = await failure(service.client().queues({ vhost: "a/b" }), "broker_denied");
  assert.equal(
    error.message,
    `Cannot list queues of vhost "a/b" at ${service.url}: ` +
      'user "backup" has no permission on that virtual host',
  );
  assert.equal(await service.client().mayRead("a/b"), false);
});

Deno.test("ManagementClient: 403 of a proxy", async () => {
  await using service = new Service(() => new Response("<h1>Forbidden</h1>", { status: 403 }));
  await failure(service.client().overview(), "broker_denied");
});

Deno.test("ManagementClient: a vhost that is not there", async () => {
  await using service = new Service(() =>
    json({ error: "Object Not Found", reason: "Not Found" }, 404)
  );
  const error = await failure(service.client().queues({ vhost: "no" }), "broker_missing");
  assert.match(error.message, /^Cannot list queues of vhost "no" at .*: there is no such object$/);
  assert.equal(await service.client().mayRead("no"), false);
});

Deno.test("ManagementClient: another web server answers", async () => {
  const answers: Handler[] = [
    () => new Response("<html>Not Found</html>", { status: 404 }),
    () => new Response("<!DOCTYPE html><title>Forbidden</title>", { status: 403 }),
    () => new Response("nothing", { status: 400, headers: { "content-type": "text/html" } }),
    // As RabbitMQ does at paths that are not of its API.
    () => new Response(null, { status: 406 }),
    () => new Response(null, { status: 405 }),
    () => new Response("<html>Welcome to nginx</html>"),
    () => new Response(""),
    () => json([]),
    () => json({ version: "1.0" }),
    () => json("OK"),
    () => json({ rabbitmq_version: 4 }),
  ];
  for (const answer of answers) {
    await using service = new Service(answer);
    const error = await failure(service.client().overview(), "broker_unreachable");
    assert.match(error.message, /the answer is not of RabbitMQ's management API \(.+\)$/);
    assert.match(error.hint ?? "", /management_url/);
  }
});

Deno.test("ManagementClient: definitions that are read for an import say so when it fails", async () => {
  await using service = new Service(() =>
    json({ error: "not_authorised", reason: "Not administrator user" }, 401)
  );
  const cases = [
    [{}, /^Cannot export definitions at /],
    [{ purpose: "import" }, /^Cannot import definitions at /],
    [{ purpose: "import", vhost: "v" }, /^Cannot import definitions into vhost "v" at /],
  ] as const;
  for (const [options, expected] of cases) {
    const error = await failure(service.client().definitions(options), "broker_denied");
    assert.match(error.message, expected);
    assert.match(error.message, /needs the tag "administrator"$/);
  }
});

Deno.test("ManagementClient: a listing in which something is no queue", async () => {
  await using service = new Service(() => json({ ...page([{ vhost: "/" }]) }));
  const error = await failure(service.client().queues(), "broker_unreachable");
  assert.match(error.message, /\(0\.name: /);
});

Deno.test("ManagementClient: a redirect is not followed", async () => {
  let followed = false;
  await using other = new Service(() => {
    followed = true;
    return json({});
  });
  await using service = new Service(() =>
    new Response(null, { status: 301, headers: { location: `${other.url}/rabbit/?secret=1` } })
  );
  const error = await failure(service.client().overview(), "broker_unreachable");
  assert.equal(
    error.message,
    `Cannot ask the broker at ${service.url}: it redirects to ${other.url}/rabbit/`,
  );
  assert.equal(followed, false);
});

Deno.test("ManagementClient: nothing listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const client = clientOf(`http://127.0.0.1:${port}`, { retries: 1 });
  const error = await failure(client.overview(), "broker_unreachable");
  assert.match(error.message, /: connection refused; nothing listens there$/);
  assert.match(error.hint ?? "", /management plugin enabled.*Set management_url/);
});

Deno.test("ManagementClient: a host name that does not exist", async () => {
  const client = clientOf("http://broker.invalid:15672", { retries: 0 });
  const error = await failure(client.overview(), "broker_unreachable");
  assert.match(error.message, /at http:\/\/broker\.invalid:15672: the host name is not known$/);
});

Deno.test("ManagementClient: no answer in time, not tried again", async () => {
  await using service = new RawService("", { hangs: true });
  const client = clientOf(service.client.url, { timeoutMs: 150 });
  const started = Date.now();
  const error = await failure(client.overview(), "broker_unreachable");
  assert.match(error.message, /: no answer within 0\.15 s$/);
  assert.ok(Date.now() - started < 3000);
  assert.equal(service.connections, 1);
});

Deno.test("ManagementClient: an answer that stops half-way is out of time too", async () => {
  await using service = new RawService(head(100) + "{", { hangs: true });
  const client = clientOf(service.client.url, { timeoutMs: 150 });
  const error = await failure(client.overview(), "broker_unreachable");
  assert.match(error.message, /: no answer within 0\.15 s$/);
});

Deno.test("ManagementClient: an abort ends the waiting with its reason", async () => {
  await using service = new RawService("", { hangs: true });
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(() => service.client.overview({ signal: controller.signal }), {
    message: "enough",
  });
  const before = service.connections;
  await assert.rejects(() => service.client.overview({ signal: controller.signal }), {
    message: "enough",
  });
  assert.equal(service.connections, before, "nothing sent");
});

Deno.test("ManagementClient: a connection that breaks is tried again, and then told", async () => {
  for (const answer of ["", head(100) + '{"rabbitmq']) {
    await using service = new RawService(answer);
    const client = clientOf(service.client.url, { retries: 2 });
    const error = await failure(client.overview(), "broker_unreachable");
    assert.match(error.message, /: the connection was closed before the answer was there$/);
    assert.equal(service.connections, 3);
  }
});

Deno.test("ManagementClient: garbage, AMQP and TLS in place of HTTP", async () => {
  const answers: [string | Uint8Array, RegExp][] = [
    ["SSH-2.0-OpenSSH_9.2\r\n", /: it does not speak HTTP$/],
    [new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]), /: that is the port of AMQP, not /],
    [new Uint8Array([0x15, 3, 1, 0, 2, 2, 70]), /: it speaks TLS$/],
  ];
  for (const [answer, expected] of answers) {
    await using service = new RawService(answer);
    const error = await failure(service.client.overview(), "broker_unreachable");
    assert.match(error.message, expected);
    assert.equal(service.connections, 1);
  }
});

Deno.test("ManagementClient: overload passes", async () => {
  let served = 0;
  await using service = new Service(() =>
    ++served < 3 ? new Response("busy", { status: 503 }) : json({ rabbitmq_version: "4.0.5" })
  );
  assert.equal((await service.client().overview()).rabbitmq_version, "4.0.5");
  assert.equal(served, 3);
});

Deno.test("ManagementClient: overload that does not pass", async () => {
  await using service = new Service(() => json({ error: "x", reason: "no quorum" }, 503));
  const error = await failure(service.client({ retries: 1 }).overview(), "broker_unreachable");
  assert.match(error.message, /: the broker answers 503, no quorum$/);
  assert.equal(service.requests.length, 2);
});

Deno.test("ManagementClient: what changes the broker is never sent twice", async () => {
  await using service = new Service(() => new Response("busy", { status: 503 }));
  await failure(service.client().putDefinitions("{}"), "broker_unreachable");
  assert.equal(service.requests.length, 1);
});

Deno.test("ManagementClient: a refused change says why, briefly", async () => {
  await using service = new Service(() =>
    json({ error: "bad_request", reason: ["no_such_vhost", "x".repeat(9000)] }, 400)
  );
  const error = await failure(service.client().putDefinitions("{}"), "failed");
  assert.match(error.message, /: the broker answers 400, \["no_such_vhost","xxx/);
  assert.ok(error.message.length < 500);
});

Deno.test("ManagementClient: sends credentials in UTF-8, and a body with its length", async () => {
  const bodies: string[] = [];
  await using service = new Service(async (request) => {
    bodies.push(await request.text());
    return new Response(null, { status: 204 });
  });
  const client = new ManagementClient({
    management_url: `${service.url}/`,
    management_username: "jürgen",
    management_password: new Secret("pä:ß"),
    tls: { enabled: false },
  });
  await client.putDefinitions('{"queues":[{"name":"é"}]}');
  const [request] = service.requests;
  const authorization = request?.headers.get("authorization")?.replace("Basic ", "") ?? "";
  assert.equal(new TextDecoder().decode(Uint8Array.fromBase64(authorization)), "jürgen:pä:ß");
  assert.equal(request?.headers.get("content-type"), "application/json");
  assert.deepEqual(bodies, ['{"queues":[{"name":"é"}]}']);
});

Deno.test("ManagementClient: keeps a path prefix and encodes any vhost", async () => {
  await using service = new Service(() => json(page([])));
  const client = clientOf(`${service.url}/rabbit/`);
  for (const vhost of ["/", "a/b%2Fc", "r/../../x", "é ", "?&#+", "\u200f"]) {
    await client.queues({ vhost });
    const { pathname } = service.requests.at(-1)!.url;
    assert.equal(pathname, `/rabbit/api/queues/${encodeURIComponent(vhost)}`);
  }
});

Deno.test("ManagementClient: a vhost without a place in a URL is picked from all", async () => {
  await using service = new Service(() =>
    json(page([queue("..", "a"), queue("x", "b"), queue(".", "c")]))
  );
  const names = (await service.client().queues({ vhost: ".." })).map(({ name }) => name);
  assert.deepEqual(names, ["a"]);
  assert.equal(service.requests[0]!.url.pathname, "/api/queues");
  await assert.rejects(() => service.client().definitions({ vhost: ".." }), RangeError);
});

Deno.test("ManagementClient: reads all pages", async () => {
  const all = Array.from({ length: 1234 }, (_, at) => queue("/", `q${at}`));
  await using service = new Service(paged(() => all));
  const names = (await service.client().queues()).map(({ name }) => name);
  assert.deepEqual(names, all.map(({ name }) => name));
  assert.equal(service.requests.length, 3);
  const query = service.requests[1]!.url.searchParams;
  assert.equal(query.get("page_size"), "500");
  assert.match(query.get("columns") ?? "", /(^|,)vhost,name,type,/);
});

Deno.test("ManagementClient: reads no queues, and a whole list where paging is unknown", async () => {
  await using none = new Service(paged(() => []));
  assert.deepEqual(await none.client().queues(), []);
  await using whole = new Service(() => json([queue("/", "a"), queue("/", "b")]));
  assert.equal((await whole.client().queues()).length, 2);
  assert.equal(whole.requests.length, 1);
});

Deno.test("ManagementClient: queues that move to another page meanwhile are not lost", async () => {
  // The first queue goes away after the first page: the one at the border moves to it, unseen.
  const all = Array.from({ length: 1000 }, (_, at) => queue("/", `q${at}`));
  let requests = 0;
  await using service = new Service((request) =>
    paged(() => requests++ === 0 ? all : all.slice(1))(request)
  );
  const names = new Set((await service.client().queues()).map(({ name }) => name));
  for (const { name } of all.slice(1)) assert.ok(names.has(name), name);
});

Deno.test("ManagementClient: pages that vanish meanwhile end the reading", async () => {
  const all = Array.from({ length: 1000 }, (_, at) => queue("/", `q${at}`));
  let requests = 0;
  await using service = new Service((request) =>
    paged(() => requests++ === 0 ? all : all.slice(0, 400))(request)
  );
  const names = new Set((await service.client().queues()).map(({ name }) => name));
  for (const { name } of all.slice(0, 400)) assert.ok(names.has(name), name);
});

Deno.test("ManagementClient: figures may be missing or odd, arguments keep their digits", async () => {
  await using service = new Service(() =>
    new Response(`{"items":[
      {"vhost":"/","name":"young","arguments":{"x-max-length-bytes":9223372036854775807}},
      {"vhost":"/","name":"odd","messages":"unknown","policy":null,"arguments":[],
       "effective_policy_definition":[],"message_bytes":1.0,"state":{"a":1}}
    ],"page_count":1,"filtered_count":2,"page":1}`)
  );
  const [young, odd] = await service.client().queues();
  assert.equal(JSON.stringify(young?.arguments), '{"x-max-length-bytes":9223372036854775807}');
  assert.equal(young?.messages, undefined);
  assert.equal(young?.policy, undefined);
  assert.deepEqual(
    [odd?.messages, odd?.policy, odd?.arguments, odd?.message_bytes, odd?.state],
    [undefined, null, {}, 1, undefined],
  );
});

Deno.test("ManagementClient: declares queues with exact arguments, by definitions where needed", async () => {
  const bodies: string[] = [];
  await using service = new Service(async (request) => {
    bodies.push(await request.text());
    return new Response(null, { status: 201 });
  });
  const [limit] = parseExactJson("[9223372036854775807]") as unknown[];
  const properties = { durable: true, auto_delete: false, arguments: { "x-max-length": limit } };
  await service.client().declareQueue({ vhost: "a/b", name: "c d", ...properties });
  await service.client().declareQueue({ vhost: "/", name: "..", ...properties });
  const table = '{"x-max-length":9223372036854775807}';
  assert.deepEqual(bodies, [
    `{"durable":true,"auto_delete":false,"arguments":${table}}`,
    `{"queues":[{"vhost":"/","name":"..","durable":true,"auto_delete":false,"arguments":${table}}]}`,
  ]);
  assert.deepEqual(
    service.requests.map(({ method, url }) => `${method} ${url.pathname}`),
    ["PUT /api/queues/a%2Fb/c%20d", "POST /api/definitions"],
  );
});

Deno.test("ManagementClient: no error shows the password", async () => {
  const errors: unknown[] = [];
  for (const answer of ["", "garbage\r\n\r\n", head(3) + "[1]"]) {
    await using service = new RawService(answer);
    await clientOf(service.client.url, { retries: 0 }).overview().catch((e) => errors.push(e));
  }
  for (const status of [401, 403, 404, 500]) {
    await using service = new Service(() => json({ error: "x", reason: "y" }, status));
    await service.client({ retries: 0 }).overview().catch((error) => errors.push(error));
  }
  assert.equal(errors.length, 7);
  const basic = btoa(`${USER}:${PASSWORD}`);
  for (const error of errors) {
    const shown = Deno.inspect(error, { depth: 20 }) + JSON.stringify(error);
    assert.ok(!shown.includes(PASSWORD) && !shown.includes(basic), shown);
  }
});

Deno.test("ManagementClient: TLS files that cannot be used are named", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const garbage = `${directory}/garbage.pem`;
    await Deno.writeTextFile(garbage, "no PEM");
    const settings: [Record<string, string>, RegExp][] = [
      [{ ca_cert: `${directory}/missing.pem` }, /^Cannot read tls\.ca_cert from .*missing\.pem: /],
      [
        { ca_cert: garbage },
        /^Cannot use tls\.ca_cert from .*garbage\.pem: it holds no certificate$/,
      ],
      [
        { client_cert: garbage, client_key: garbage },
        /^Cannot use tls\.client_cert from .*: it holds no certificate$/,
      ],
    ];
    for (const [files, expected] of settings) {
      const client = new ManagementClient({
        management_url: "https://127.0.0.1:1",
        management_username: USER,
        management_password: new Secret(PASSWORD),
        tls: { enabled: true, ...files },
      });
      assert.match((await failure(client.overview(), "config")).message, expected);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

function clientOf(url: string, options: ManagementClientOptions = {}): ManagementClient {
  return new ManagementClient({
    management_url: url,
    management_username: USER,
    management_password: new Secret(PASSWORD),
    tls: { enabled: false },
  }, options);
}

function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json" },
  });
}

function head(length: number): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
}

function queue(vhost: string, name: string): { vhost: string; name: string } {
  return { vhost, name };
}

function page(items: unknown[]): Record<string, unknown> {
  return { items, page: 1, page_count: 1, filtered_count: items.length };
}

/** Pages as RabbitMQ gives them. */
function paged(list: () => unknown[]): Handler {
  return (request) => {
    const query = new URL(request.url).searchParams;
    const [number, size] = [Number(query.get("page")), Number(query.get("page_size"))];
    const all = list();
    const pages = Math.max(1, Math.ceil(all.length / size));
    if (number > pages) {
      const reason = `Page out of range, page: ${number} page size: ${size}, len: ${all.length}`;
      return json({ error: "page_out_of_range", reason }, 400);
    }
    const items = all.slice((number - 1) * size, number * size);
    return json({ items, page: number, page_count: pages, filtered_count: all.length });
  };
}
