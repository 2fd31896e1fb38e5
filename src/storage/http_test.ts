import assert from "node:assert/strict";
import { type HttpOptions, HttpTransport } from "./http.ts";

/** What a raw server does with a connection, once it has read the head of the request. */
type Behaviour = (connection: Deno.Conn) => Promise<void>;

const encoder = new TextEncoder();
const never = () => new Promise<void>(() => {});
const write = (connection: Deno.Conn, text: string) => connection.write(encoder.encode(text));

async function withServer(
  behaviour: Behaviour,
  run: (url: string, transport: HttpTransport) => Promise<void>,
  options: HttpOptions = {},
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      void connection.read(new Uint8Array(4096)).then(() => behaviour(connection)).catch(() => {});
    }
  })();
  const transport = new HttpTransport({ silenceMs: 300, ...options });
  try {
    await run(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/x`, transport);
  } finally {
    await transport.close();
    listener.close();
    for (const connection of open) {
      try {
        connection.close();
      } catch {
        // The server itself did.
      }
    }
    await accepting;
  }
}

const get = (url: string) => ({ method: "GET", url, headers: new Headers() });
const upload = (url: string) => ({
  method: "PUT",
  url,
  headers: new Headers(),
  body: new Uint8Array(32 * 2 ** 20),
});

Deno.test("HttpTransport gives up on a service that does not answer", async () => {
  await withServer(never, async (url, transport) => {
    const start = performance.now();
    await assert.rejects(() => transport.send(get(url)), {
      name: "HttpFailure",
      message: /^127\.0\.0\.1:\d+: nothing moved for 0\.3 s$/,
    });
    assert.ok(performance.now() - start < 5000);
  });
});

Deno.test("HttpTransport gives up on a service that does not read", async () => {
  await withServer(never, async (url, transport) => {
    await assert.rejects(() => transport.send(upload(url)), { message: /nothing moved/ });
  });
});

Deno.test("HttpTransport gives up on a body that stalls", async () => {
  await withServer(async (connection) => {
    await write(connection, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    await never();
  }, async (url, transport) => {
    const answer = await transport.send(get(url));
    await assert.rejects(() => answer.text(), { name: "HttpFailure", message: /nothing moved/ });
  });
});

Deno.test("HttpTransport does not wait while the reader takes its time", async () => {
  await withServer(async (connection) => {
    await write(connection, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await write(connection, "half");
  }, async (url, transport) => {
    let text = "";
    for await (const piece of (await transport.send(get(url))).body()) {
      text += new TextDecoder().decode(piece);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.equal(text, "halfhalf");
  });
});

Deno.test("HttpTransport takes a body that is cut for a failure", async () => {
  for (const method of ["GET", "PUT"]) {
    await withServer(async (connection) => {
      await write(connection, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
      connection.close();
    }, async (url, transport) => {
      const body = method === "PUT" ? { body: new Uint8Array(1) } : {};
      const answer = await transport.send({ ...get(url), method, ...body });
      await assert.rejects(() => answer.text(), { name: "HttpFailure" }, method);
    });
  }
});

Deno.test("HttpTransport takes a refusal before all is sent", async () => {
  await withServer(async (connection) => {
    await write(connection, "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
    await never();
  }, async (url, transport) => {
    const answer = await transport.send(upload(url));
    assert.equal(answer.status, 403);
    assert.equal(await answer.text(), "no");
  });
});

Deno.test("HttpTransport ends with the request's signal, and with its reason", async () => {
  for (const request of [get, upload]) {
    await withServer(never, async (url, transport) => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error("enough")), 20);
      await assert.rejects(() => transport.send({ ...request(url), signal: abort.signal }), {
        message: "enough",
      });
    }, { silenceMs: 60_000 });
  }
});

Deno.test("HttpTransport sends what is cut off once, and tells it at once", async () => {
  let connections = 0;
  await withServer(async (connection) => {
    if (++connections === 1) {
      await write(connection, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      // A client that uses this connection again is cut off.
      await connection.read(new Uint8Array(4096));
    }
    connection.close();
  }, async (url, transport) => {
    assert.equal(
      await (await transport.send({ ...upload(url), body: new Uint8Array(1) })).text(),
      "ok",
    );
    for (let round = 2; round < 12; round++) {
      const start = performance.now();
      await assert.rejects(() => transport.send(upload(url)), { name: "HttpFailure" });
      assert.ok(performance.now() - start < 10_000);
      assert.equal(connections, round);
    }
  }, { silenceMs: 20_000 });
});

Deno.test("HttpTransport follows no redirect", async () => {
  await withServer(async (connection) => {
    const to = "location: http://169.254.169.254/";
    await write(connection, `HTTP/1.1 307 Temporary\r\n${to}\r\ncontent-length: 0\r\n\r\n`);
  }, async (url, transport) => {
    const answer = await transport.send(get(url));
    assert.equal(answer.status, 307);
    await answer.discard();
  });
});

Deno.test("HttpTransport refuses certificates that are none", async () => {
  const transport = new HttpTransport({ caCert: import.meta.filename! });
  await assert.rejects(() => transport.send(get("https://127.0.0.1:1/")), {
    code: "config",
    message: /as storage\.ca_cert: it holds no certificate/,
  });
});
