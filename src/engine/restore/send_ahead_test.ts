import assert from "node:assert/strict";
import fc from "fast-check";
import type { Publisher } from "../../broker/amqp/publisher.ts";
import { RateLimit } from "./rate_limit.ts";
import { SendAhead } from "./send_ahead.ts";

const WINDOW = 40;
const ROOM = 8;

/** What happens, in any order: a slice is sent as far as the window lets it, or messages are confirmed. */
const events = fc.array(
  fc.oneof(
    fc.record({ send: fc.integer({ min: 1, max: ROOM }) }),
    fc.record({ confirm: fc.nat(WINDOW) }),
    fc.record({ rate: fc.boolean() }),
  ),
  { maxLength: 100 },
);

Deno.test("SendAhead: whenever a run is killed, no more may be there twice than is recorded", () => {
  fc.assert(fc.property(events, fc.boolean(), (all, isLimited) => {
    const limit = new RateLimit(isLimited ? { messages: 1 } : {});
    const publisher = { sent: 0, confirmed: 0, released: 0, release: (to: number) => to };
    publisher.release = (to) => publisher.released = to;
    let recorded = { confirmed: 0, unsettled: 0 };
    const ahead = new SendAhead(publisher as unknown as Publisher, {
      window: WINDOW,
      room: ROOM,
      limit,
      record: (confirmed, unsettled) => recorded = { confirmed, unsettled },
    });
    for (const event of all) {
      if ("rate" in event) limit.set(event.rate ? { messages: 1 } : {});
      else if ("confirm" in event) {
        publisher.confirmed = Math.min(publisher.sent, publisher.confirmed + event.confirm);
        ahead.recordIfFar(publisher.confirmed);
      } else if (publisher.sent - publisher.released + ROOM <= WINDOW) {
        ahead.allow(event.send);
        publisher.sent += event.send;
      }
      assert.ok(publisher.sent <= recorded.confirmed + recorded.unsettled);
      assert.ok(recorded.unsettled <= WINDOW);
    }
    // Nothing waits for ever: what is confirmed opens the window again.
    publisher.confirmed = publisher.sent;
    ahead.recordIfFar(publisher.confirmed);
    assert.ok(publisher.sent - publisher.released + ROOM <= WINDOW);
  }));
});

Deno.test("SendAhead: under a rate limit only what it lets out is recorded as under way", () => {
  const publisher = { sent: 0, confirmed: 0, release: () => {} };
  let unsettled = 0;
  const ahead = new SendAhead(publisher as unknown as Publisher, {
    window: 1000,
    room: ROOM,
    limit: new RateLimit({ messages: 10 }),
    record: (_, count) => unsettled = count,
  });
  ahead.allow(2);
  publisher.sent = 2;
  assert.equal(unsettled, 2);
  ahead.allow(3);
  publisher.sent = 5;
  assert.equal(unsettled, 5);
  publisher.confirmed = 4;
  ahead.allow(1);
  assert.equal(unsettled, 2);
  ahead.recordNow();
  assert.equal(unsettled, 1);
});
