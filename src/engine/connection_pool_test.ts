import assert from "node:assert/strict";
import type { BrokerConnection } from "../broker/amqp/connection.ts";
import { ConnectionPool } from "./connection_pool.ts";

interface Fake {
  vhost: string;
  isOpen: boolean;
}

/** A pool over connections that are only remembered. */
function newPool(): { pool: ConnectionPool; opened: Fake[] } {
  const opened: Fake[] = [];
  const pool = new ConnectionPool({} as never, "test", {
    signal: new AbortController().signal,
    open: (vhost) => {
      const fake = {
        vhost,
        isOpen: true,
        close() {
          fake.isOpen = false;
          return Promise.resolve();
        },
      };
      opened.push(fake);
      return Promise.resolve(fake as unknown as BrokerConnection);
    },
  });
  return { pool, opened };
}

const nothing = () => Promise.resolve();

Deno.test("pool: one connection of a vhost is used again", async () => {
  const { pool, opened } = newPool();
  const used: unknown[] = [];
  for (const vhost of ["/", "/", "other", "/", "other"]) {
    const result = await pool.use(vhost, (connection) => {
      used.push(connection);
      return Promise.resolve(vhost.length);
    });
    assert.equal(result, vhost.length);
  }
  assert.deepEqual(opened.map(({ vhost }) => vhost), ["/", "other"]);
  assert.deepEqual(used.map((one) => opened.indexOf(one as Fake)), [0, 0, 1, 0, 1]);
});

Deno.test("pool: never two users of one connection", async () => {
  const { pool, opened } = newPool();
  const busy = new Set<unknown>();
  await Promise.all(Array.from({ length: 20 }, (_, index) =>
    pool.use("/", async (connection) => {
      assert.ok(!busy.has(connection));
      busy.add(connection);
      await new Promise((resolve) => setTimeout(resolve, index % 3));
      busy.delete(connection);
    })));
  assert.equal(opened.length, 20);
  await pool.use("/", nothing);
  assert.equal(opened.length, 20);
});

Deno.test("pool: after an error in its use a connection is closed, not used again", async () => {
  const { pool, opened } = newPool();
  await assert.rejects(pool.use("/", () => Promise.reject(new Error("inside"))), /inside/);
  assert.equal(opened[0]!.isOpen, false);
  await pool.use("/", nothing);
  assert.equal(opened.length, 2);
});

Deno.test("pool: a connection that was lost is not given out", async () => {
  const { pool, opened } = newPool();
  await pool.use("/", nothing);
  opened[0]!.isOpen = false;
  await pool.use("/", () => {
    opened[1]!.isOpen = false;
    return Promise.resolve();
  });
  await pool.use("/", nothing);
  assert.deepEqual(opened.map(({ isOpen }) => isOpen), [false, false, true]);
});

Deno.test("pool: all are closed at the end, also those given back after it", async () => {
  const { pool, opened } = newPool();
  await pool.use("/", nothing);
  await pool.use("other", nothing);
  const { promise: working, resolve: finish } = Promise.withResolvers<void>();
  const late = pool.use("third", () => working);
  await pool[Symbol.asyncDispose]();
  assert.deepEqual(opened.map(({ isOpen }) => isOpen), [false, false, true]);
  finish();
  await late;
  assert.deepEqual(opened.map(({ isOpen }) => isOpen), [false, false, false]);
});
