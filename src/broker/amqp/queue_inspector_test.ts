import assert from "node:assert/strict";
import { AppError, type ErrorCode } from "../../errors.ts";
import type { BrokerConnection, NumberedChannel } from "./connection.ts";
import { queueError, QueueInspector } from "./queue_inspector.ts";

/** As amqplib words a refusal: reply code in `code`, everything in the message. */
function refused(code: number, text: string): Error {
  const name = text.split(" ")[0]!.replace("_", "-");
  const message = `Operation failed: QueueDeclare; ${code} (${name}) with message "${text}"`;
  return Object.assign(new Error(message), { code });
}

const CASES: [error: Error, code: ErrorCode, told: RegExp][] = [
  [refused(404, "NOT_FOUND - no queue 'q' in vhost '/'"), "broker_missing", /does not exist/],
  [
    refused(
      404,
      "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible",
    ),
    "failed",
    /node that hosts it is down/,
  ],
  [
    refused(
      404,
      "NOT_FOUND - failed to perform operation on queue 'q' in vhost '/' due to timeout",
    ),
    "failed",
    /node that hosts it is down/,
  ],
  [
    refused(403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"),
    "refused",
    /another consumer has it for itself/,
  ],
  [
    refused(403, "ACCESS_REFUSED - read access to queue 'q' in vhost '/' refused for user 'u'"),
    "broker_denied",
    /may not read it/,
  ],
  // Names may hold what looks like another reply.
  [
    refused(403, "ACCESS_REFUSED - access to queue '404 NOT_FOUND' in vhost '/' refused for 'u'"),
    "broker_denied",
    /may not read it/,
  ],
  [
    refused(403, "ACCESS_REFUSED - access to queue 'in exclusive use' in vhost '/' refused for u"),
    "broker_denied",
    /may not read it/,
  ],
  [
    refused(406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '405' in vhost '/'"),
    "refused",
    /inequivalent arg 'durable'/,
  ],
  [
    refused(405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q'"),
    "refused",
    /exclusive to another connection/,
  ],
  [new Error("NOT_FOUND - without a code"), "broker_missing", /does not exist/],
  [new Error("Connection closing"), "broker_unreachable", /the connection was lost/],
  [new Error("Something else"), "failed", /Cannot use queue "name": Something else/],
];

for (const [error, code, told] of CASES) {
  Deno.test(`queue error: ${error.message}`, () => {
    const translated = queueError(error, "name");
    assert.equal(translated.code, code);
    assert.match(translated.message, told);
    assert.match(translated.message, /^Cannot use queue "name": /);
    assert.equal(translated.cause, error);
  });
}

Deno.test("queue error: what has been said already stays", () => {
  const known = new AppError("locked", "Cannot …");
  assert.equal(queueError(known, "q"), known);
});

/** Channels that answer in turn; a refusal uses one up. */
function fakeConnection(answers: (Error | number)[]) {
  const fake = {
    opened: 0,
    closed: 0,
    isOpen: true,
    lostBecause: undefined as AppError | undefined,
    closeChannel: (channel: NumberedChannel) => channel.close(),
    openChannel: () => {
      fake.opened++;
      const checkQueue = () => {
        const answer = answers.shift()!;
        if (answer instanceof Error) return Promise.reject(answer);
        return Promise.resolve({ messageCount: answer, consumerCount: 1 });
      };
      const close = () => Promise.resolve(void fake.closed++);
      return Promise.resolve({ checkQueue, close } as unknown as NumberedChannel);
    },
  };
  return fake;
}

Deno.test("inspector: one channel as long as nothing is refused, then a new one", async () => {
  const fake = fakeConnection([5, 6, refused(404, "NOT_FOUND - no queue"), 7]);
  {
    await using inspector = new QueueInspector(fake as unknown as BrokerConnection);
    assert.deepEqual(await inspector.depth("a"), { ready: 5, consumers: 1 });
    assert.equal((await inspector.depth("b")).ready, 6);
    assert.equal(fake.opened, 1);
    await assert.rejects(inspector.depth("c"), { code: "broker_missing" });
    assert.equal((await inspector.depth("d")).ready, 7);
    assert.equal(fake.opened, 2);
  }
  assert.equal(fake.closed, 1);
});

Deno.test("inspector: a lost connection is no refusal of the queue", async () => {
  const fake = fakeConnection([new Error("Channel ended, no reply will be forthcoming")]);
  fake.lostBecause = new AppError("broker_unreachable", "Cannot go on: lost");
  const inspector = new QueueInspector(fake as unknown as BrokerConnection);
  await assert.rejects(inspector.depth("a"), { code: "broker_unreachable" });
});
