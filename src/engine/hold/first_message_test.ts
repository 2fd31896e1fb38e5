import assert from "node:assert/strict";
import { encodeRecord } from "../../archive/record.ts";
import type { Message } from "../../message/message.ts";
import { firstRecord } from "./first_message.ts";

const NO_PROPERTIES = new Uint8Array(2);

function message(body: string, head: Partial<Message["head"]> = {}): Message {
  const bytes = new TextEncoder().encode(body);
  const name = new Uint8Array(0);
  return {
    head: {
      capturedAt: 1,
      redelivered: false,
      exchange: name,
      routingKey: name,
      properties: NO_PROPERTIES,
      bodySize: bytes.length,
      ...head,
    },
    body: bytes,
  };
}

/** The fingerprint of the first of some messages, whose records come in pieces. */
async function first(messages: readonly Message[], pieceBytes = 7): Promise<string | undefined> {
  return await firstRecord(async function* () {
    for (const record of messages.map(encodeRecord)) {
      for (let at = 0; at < record.length; at += pieceBytes) {
        yield await Promise.resolve(record.subarray(at, at + pieceBytes));
      }
    }
  }());
}

Deno.test("firstRecord: the first record only, however it is cut", async () => {
  const alone = await first([message("one")]);
  assert.equal(await first([message("one"), message("two")], 10_000), alone);
  assert.equal(await first([message("one"), message("two")], 1), alone);
  assert.notEqual(await first([message("two"), message("one")]), alone);
});

Deno.test("firstRecord: capture time and redelivered flag do not count, properties do", async () => {
  const alone = await first([message("one")]);
  assert.equal(await first([message("one", { capturedAt: 2, redelivered: true })]), alone);
  assert.notEqual(await first([message("one", { properties: new Uint8Array(4) })]), alone);
});

Deno.test("firstRecord: nothing of nothing", async () => {
  assert.equal(await first([]), undefined);
});
