/** The ways to a storage: TLS with certificates of one's own, and a proxy. */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { makeCertificates } from "../scripts/lib/certificates.ts";
import type { AppError } from "../src/errors.ts";
import { openStorage } from "../src/storage/open.ts";
import { bytesOf, readAll } from "../src/storage/storage.ts";
import { newStore, storageServers, storeConfig } from "./helpers/storages.ts";
import { tempDir } from "./helpers/temp.ts";

const LARGE = new Uint8Array(6 * 2 ** 20).fill(7);

Deno.test("certificates of one's own are trusted by ca_cert alone", async () => {
  await using dir = await tempDir();
  const { caCert, wrongCaCert } = await makeCertificates(dir.path);
  using listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: await Deno.readTextFile(dir.join("server.pem")),
    key: await Deno.readTextFile(dir.join("server.key")),
  });
  const serving = serve(listener);
  const endpoint = `https://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  const keys = { ...await newStore("s3"), endpoint, part_size: "5MiB", retry_max_secs: 20 };
  const trusted = await openStorage(storeConfig({ ...keys, ca_cert: caCert }));
  await trusted.put("small", bytesOf("x"));
  await trusted.put("large", bytesOf(LARGE));
  assert.equal((await readAll(trusted.get("large"), 1e8)).length, LARGE.length);
  await trusted.close();
  for (const ca of [{}, { ca_cert: wrongCaCert }]) {
    const storage = await openStorage(storeConfig({ ...keys, ...ca }));
    for (const work of [() => storage.put("k", bytesOf("x")), () => storage.stat("k")]) {
      const start = Date.now();
      await assert.rejects(work, (error: AppError) => {
        assert.equal(error.code, "storage_unreachable");
        assert.match(error.message, /certificate|issuer/i);
        assert.match(error.hint ?? "", /storage\.ca_cert/);
        return true;
      });
      assert.ok(Date.now() - start < 10_000, "it was tried again");
    }
    await storage.close();
  }
  listener.close();
  await serving;
});

Deno.test("requests go by the proxy that the environment names", async () => {
  const seen = new Set<string>();
  const proxy = http.createServer((incoming, answer) => {
    const { host, pathname, search } = new URL(incoming.url ?? "");
    seen.add(`${incoming.method} ${host}`);
    const { hostname, port } = new URL(storageServers().s3.endpoint);
    const { method = "GET", headers } = incoming;
    const upstream = http.request(
      { hostname, port, method, headers, path: pathname + search, agent: false },
      (from) => from.pipe(answer.writeHead(from.statusCode ?? 0, from.headers)),
    );
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const keys = {
    ...await newStore("s3"),
    endpoint: "http://storage.invalid:9000",
    allow_http: true,
  };
  const root = new URL("../src/", import.meta.url);
  const script = `
    import { openStorage } from "${root}storage/open.ts";
    import { bytesOf, readAll } from "${root}storage/storage.ts";
    import { StorageMappingSchema } from "${root}config/schema/storage.ts";
    const storage = await openStorage(StorageMappingSchema.parse(${JSON.stringify(keys)}));
    await storage.put("k", bytesOf("through the proxy"));
    console.log(new TextDecoder().decode(await readAll(storage.get("k"), 100)));
    await storage.close();`;
  await using dir = await tempDir();
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      new URL("../deno.json", import.meta.url).pathname,
      await dir.write("run.ts", script),
    ],
    env: { HTTP_PROXY: url, http_proxy: url, NO_PROXY: "", no_proxy: "" },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stdout).trim(), "through the proxy", decoder.decode(stderr));
  assert.deepEqual(seen, new Set(["PUT storage.invalid:9000", "GET storage.invalid:9000"]));
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});

/** Takes TLS off and passes all on to MinIO. */
async function serve(listener: Deno.TlsListener): Promise<void> {
  const { hostname, port } = new URL(storageServers().s3.endpoint);
  const running: Promise<unknown>[] = [];
  for (;;) {
    try {
      const client = await listener.accept();
      const server = await Deno.connect({ hostname, port: Number(port) });
      running.push(
        Promise.allSettled([
          client.readable.pipeTo(server.writable),
          server.readable.pipeTo(client.writable),
        ]),
      );
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
        break;
      }
    }
  }
  await Promise.all(running);
}
