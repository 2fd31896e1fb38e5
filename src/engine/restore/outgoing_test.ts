import assert from "node:assert/strict";
import { encodeProperties, type Properties } from "../../message/properties.ts";
import { dedupeId, OutgoingProperties, type OutgoingRules } from "./outgoing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const QUEUE = { backupId: "nightly", vhost: "/", name: "a/b" };
const SIGNED: Properties = { userId: bytes("alice"), deliveryMode: 2 };

function outgoing(rules: Partial<OutgoingRules> = {}): OutgoingProperties {
  return new OutgoingProperties({
    username: "restore",
    impersonates: false,
    foreignUserId: "fail",
    dedupeHeader: undefined,
    ...rules,
  }, QUEUE);
}

const of = (it: OutgoingProperties, properties: Properties, direct = true) =>
  it.of(encodeProperties(properties), { record: 12, direct });

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
    const options = { record: 1, direct: true };
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
