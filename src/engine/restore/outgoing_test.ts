import assert from "node:assert/strict";
import { decodeProperties, encodeProperties, type Properties } from "../../message/properties.ts";
import {
  dedupeId,
  OutgoingProperties,
  type OutgoingQueue,
  type OutgoingRules,
} from "./outgoing.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const QUEUE = { backupId: "nightly", vhost: "/", name: "a/b" };
const SIGNED: Properties = { userId: bytes("alice"), deliveryMode: 2 };

function outgoing(
  rules: Partial<OutgoingRules> = {},
  stream?: OutgoingQueue["stream"],
): OutgoingProperties {
  return new OutgoingProperties({
    username: "restore",
    impersonates: false,
    foreignUserId: "fail",
    dedupeHeader: undefined,
    notesOrigin: false,
    ...rules,
  }, { ...QUEUE, stream });
}

const of = (it: OutgoingProperties, properties: Properties, direct = true) =>
  it.of(encodeProperties(properties), { record: 12, direct, capturedAt: 0 });

Deno.test("outgoing: a user_id of another user, by what was chosen", () => {
  assert.throws(() => of(outgoing(), SIGNED), {
    code: "broker_denied",
    message:
      'Cannot publish to queue "a/b" of vhost "/": a message has user_id "alice", which the ' +
      'target takes from that user only, not from "restore"',
  });
  assert.deepEqual(
    of(outgoing({ foreignUserId: "drop" }), SIGNED),
    encodeProperties({ deliveryMode: 2 }),
  );
  const header = outgoing({ foreignUserId: "header" });
  assert.deepEqual(
    of(header, SIGNED),
    encodeProperties({
      deliveryMode: 2,
      headers: [[bytes("x-original-user-id"), { tag: "S", value: bytes("alice") }]],
    }),
  );
  assert.equal(header.userIds, 1);
});

Deno.test("outgoing: a user_id that the target takes stays", () => {
  for (const foreignUserId of ["fail", "drop", "header", "keep"] as const) {
    const raw = encodeProperties(SIGNED);
    const options = { record: 1, direct: true, capturedAt: 0 };
    assert.equal(outgoing({ foreignUserId, impersonates: true }).of(raw, options), raw);
    const own = outgoing({ foreignUserId, username: "alice" });
    assert.equal(own.of(raw, options), raw);
    assert.equal(own.userIds, 0);
  }
});

Deno.test("outgoing: CC goes on the straight way, and stays for an exchange", () => {
  const headers: Properties["headers"] = [
    [bytes("CC"), { tag: "A", value: [{ tag: "S", value: bytes("q") }] }],
    [bytes("x-stream-offset"), { tag: "l", value: 3n }],
  ];
  const it = outgoing();
  assert.deepEqual(of(it, { headers }), encodeProperties({}));
  assert.equal(it.copying, 1);
  assert.deepEqual(of(it, { headers }, false), encodeProperties({ headers: [headers[0]!] }));
  assert.equal(it.copying, 1);
});

Deno.test("outgoing: the header to drop doubles by", () => {
  const value = bytes("nightly/%2F/a%2Fb/12");
  assert.deepEqual(
    of(outgoing({ dedupeHeader: "x-restore-id" }), { deliveryMode: 1 }),
    encodeProperties({ deliveryMode: 1, headers: [[bytes("x-restore-id"), { tag: "S", value }]] }),
  );
  assert.notEqual(
    dedupeId({ ...QUEUE, vhost: "a", name: "b/c" }, 1),
    dedupeId({ ...QUEUE, vhost: "a/b", name: "c" }, 1),
  );
});

Deno.test("outgoing: where a message of a stream stood, on request", () => {
  const headers: Properties["headers"] = [[bytes("x-stream-offset"), { tag: "l", value: 3n }]];
  const raw = encodeProperties({ headers });
  const headersOf = (it: OutgoingProperties, properties = raw) =>
    decodeProperties(it.of(properties, { record: 1, direct: true, capturedAt: 1234 })).headers
      ?.map(([name, field]) => [text(name), (field as { value: bigint }).value]);
  const rules = { notesOrigin: true };
  const both = [["x-original-offset", 3n], ["x-original-timestamp", 1234n]];
  assert.deepEqual(headersOf(outgoing(rules, "with times")), both);
  assert.deepEqual(headersOf(outgoing(rules, "without times")), both.slice(0, 1));
  assert.equal(headersOf(outgoing({}, "with times")), undefined);
  assert.equal(headersOf(outgoing(rules)), undefined);
  // What an earlier restore has noted stays.
  const older = encodeProperties({
    headers: [...headers, [bytes("x-original-offset"), { tag: "l", value: 1n }]],
  });
  assert.deepEqual(headersOf(outgoing(rules, "without times"), older), [["x-original-offset", 1n]]);
});
