import assert from "node:assert/strict";
import type { QueueFilter } from "../../config/config.ts";
import { omissionsOf } from "./omissions.ts";
import type { Survey } from "./survey.ts";

/** What is omitted: vhost or message, and whether it is missing. */
function omissions(found: Partial<Omit<Survey, "plan">>, filter: Partial<QueueFilter> = {}) {
  return omissionsOf(
    {
      queues: [],
      unmatched: [],
      closedVhosts: [],
      delayedExchanges: [],
      userTags: ["monitoring"],
      ...found,
    },
    { include: [], exclude: [], vhosts: [], types: [], min_messages: 0, ...filter },
  );
}

Deno.test("omissions: none where the user sees all and all patterns match", () => {
  assert.deepEqual(omissions({}), []);
});

Deno.test("omissions: a vhost whose queues may not be listed is missing", () => {
  const found = omissions({ closedVhosts: ["a", "b"] });
  assert.deepEqual(found.map(({ vhost, isMissing }) => [vhost, isMissing]), [
    ["a", true],
    ["b", true],
  ]);
  assert.match(found[0]!.message, /queues of vhost "a" are not in this backup/);
});

Deno.test("omissions: a name that matches nothing is missing, a pattern may match nothing", () => {
  const unmatched = ["orders", "eu/orders.dlq", "orders.*", "{a,b}", "~^x", "que?e"];
  const found = omissions({ unmatched });
  assert.deepEqual(found.map(({ isMissing }) => isMissing), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  assert.equal(found[2]!.message, 'nothing matches "orders.*"');
});

Deno.test("omissions: who has no tag to see all vhosts may miss some, unless they are named", () => {
  const unseen = (userTags: string[], vhosts: string[] = []) => {
    const found = omissions({ userTags }, { vhosts });
    assert.ok(found.length <= 1);
    return found.length === 1 && found[0]!.isMissing && /not even seen/.test(found[0]!.message);
  };
  for (const tags of [[], ["management"], ["policymaker", "impersonator"]]) {
    assert.equal(unseen(tags), true, `${tags}`);
    assert.equal(unseen(tags, ["/", "prod"]), false, `${tags}`);
    assert.equal(unseen(tags, ["prod", "eu-*"]), true, `${tags}`);
  }
  for (const tags of [["monitoring"], ["administrator"], ["management", "monitoring"]]) {
    assert.equal(unseen(tags), false, `${tags}`);
    assert.equal(unseen(tags, ["*"]), false, `${tags}`);
  }
});

Deno.test("omissions: messages that an exchange delays are missing, as far as is known", () => {
  const exchange = { vhost: "/", name: "later" };
  const of = (messages?: number) => omissions({ delayedExchanges: [{ ...exchange, messages }] });
  assert.deepEqual(of(0), []);
  assert.match(
    of(7)[0]!.message,
    /^7 delayed messages of exchange "later" of vhost "\/" are not in/,
  );
  assert.match(of()[0]!.message, /^pending delayed messages/);
  assert.ok(of()[0]!.isMissing);
});
