import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ChannelModel } from "amqplib";
import fc from "fast-check";
import {
  basicAck,
  basicNack,
  basicReturn,
  bytes,
  concat,
  content,
  deliver,
  type Delivery,
  frame,
  getOk,
  method,
  parseFrames,
  shortString,
  text,
  uint,
} from "../../../tests/helpers/amqp_wire.ts";
import { ContentTap } from "./content_tap.ts";

const FRAME_MAX = 4096;
const HEARTBEAT = frame(8, 0, bytes());
const GET_EMPTY_ID = 60 << 16 | 72;

/** The parts of amqplib's connection that the tap uses; what reaches amqplib is in `seen`. */
class FakeConnection {
  rest: Buffer = Buffer.alloc(0);
  frameMax = FRAME_MAX;
  recvSinceLastCheck = false;
  sentSinceLastCheck = false;
  /** Frames that amqplib's own `recvFrame` was asked to decode. */
  readonly seen: Uint8Array[] = [];
  readonly incoming: Uint8Array[] = [];
  readonly written: Uint8Array[] = [];
  takesMore = true;
  readonly drains: (() => void)[] = [];
  readonly stream = {
    read: () => this.incoming.shift() ?? null,
    write: (chunk: Uint8Array) => {
      this.written.push(chunk);
      return this.takesMore;
    },
    once: (_event: "drain", listener: () => void) => void this.drains.push(listener),
    writableNeedDrain: false,
  };

  recvFrame(): unknown {
    // As amqplib does: exactly one frame is in `rest`, and nothing is left of it.
    const [one, ...more] = parseFrames(this.rest);
    assert.ok(one !== undefined && more.length === 0);
    this.seen.push(new Uint8Array(this.rest));
    this.rest = Buffer.alloc(0);
    return { channel: one.channel, decoded: this.seen.length };
  }

  /** What amqplib's accept loop would be handed while `chunks` arrive. */
  receive(...chunks: Uint8Array[]): unknown[] {
    const handed: unknown[] = [];
    for (const chunk of chunks) {
      this.incoming.push(chunk);
      for (let one = this.recvFrame(); one; one = this.recvFrame()) handed.push(one);
    }
    return handed;
  }
}

function newTap(rest: Uint8Array = bytes()): { tap: ContentTap; connection: FakeConnection } {
  const connection = new FakeConnection();
  connection.rest = Buffer.from(rest);
  const tap = new ContentTap({ connection } as unknown as ChannelModel);
  return { tap, connection };
}

/** Writes down what a channel's taps hear; bodies are joined, as their pieces may be cut anyhow. */
class Recorder {
  readonly events: unknown[] = [];
  readonly bodies: number[] = [];
  #body: Uint8Array = bytes();

  readonly delivery = {
    got: (left: number) => void this.events.push(`got ${left}`),
    head: (head: object) => {
      this.events.push(structuredClone(head));
      this.#body = bytes();
    },
    body: (chunk: Uint8Array) => {
      this.bodies.push(chunk.length);
      this.#body = concat(this.#body, chunk);
    },
    end: () => void this.events.push({ body: this.#body }),
  };

  readonly confirms = {
    confirm: (tag: number, options: object) => void this.events.push({ tag, ...options }),
    returned: (head: object) => void this.events.push(structuredClone(head)),
    returnedBody: (chunk: Uint8Array) => this.delivery.body(chunk),
    returnedEnd: () => void this.events.push("returned"),
  };
}

function delivery(change: Partial<Delivery> = {}): Delivery {
  return {
    tag: 1,
    redelivered: false,
    exchange: text("events"),
    routingKey: bytes(0xff, 0, 0xce),
    properties: bytes(0x10, 0, 2),
    bodies: [text("hello")],
    ...change,
  };
}

/** What the tap is to tell of a delivery. */
function told(message: Delivery): unknown[] {
  const { tag, redelivered, exchange, routingKey, properties, bodies } = message;
  const body = concat(...bodies);
  const bodySize = body.length;
  const head = { deliveryTag: tag, redelivered, exchange, routingKey, properties, bodySize };
  return [head, { body }];
}

const messages = [
  delivery({ bodies: [] }),
  delivery({ tag: 2, redelivered: true, bodies: [text("one frame")] }),
  delivery({ tag: 0x1_0000_0003, bodies: [text("many"), bytes(0xce, 0xce), bytes(0)] }),
  delivery({ tag: 4, exchange: bytes(), routingKey: bytes(), properties: bytes(0, 0) }),
];

Deno.test("tap: deliveries with none, one and many body frames, cut at every byte", () => {
  const wire = concat(HEARTBEAT, ...messages.map((message) => deliver(5, message)), HEARTBEAT);
  for (let cut = 0; cut <= wire.length; cut++) {
    const { tap, connection } = newTap();
    const recorder = new Recorder();
    tap.tapDeliveries(5, recorder.delivery);
    connection.receive(wire.slice(0, cut), wire.slice(cut));
    assert.deepEqual(recorder.events, messages.flatMap(told), `cut at ${cut}`);
    assert.deepEqual(connection.seen, [HEARTBEAT, HEARTBEAT], `cut at ${cut}`);
  }
});

Deno.test("tap: byte by byte, and what was there before the tap", () => {
  const wire = concat(...messages.map((message) => deliver(5, message)));
  for (const kept of [0, 3, 20, wire.length]) {
    const { tap, connection } = newTap(wire.slice(0, kept));
    const recorder = new Recorder();
    tap.tapDeliveries(5, recorder.delivery);
    connection.receive(...Array.from(wire.slice(kept), (byte) => bytes(byte)), bytes());
    assert.deepEqual(recorder.events, messages.flatMap(told));
    assert.equal(connection.seen.length, 0);
    assert.equal(connection.recvSinceLastCheck, true);
  }
});

const anyDelivery: fc.Arbitrary<Delivery> = fc.record({
  tag: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  redelivered: fc.boolean(),
  exchange: fc.uint8Array({ maxLength: 255 }),
  routingKey: fc.uint8Array({ maxLength: 255 }),
  properties: fc.uint8Array({ minLength: 2, maxLength: 100 }),
  bodies: fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 4 }),
}, { noNullPrototype: true });

Deno.test("tap: channels interleaved at will, frame by frame", () => {
  const channels = [3, 4, 9];
  const perChannel = fc.tuple(
    ...channels.map(() => fc.array(anyDelivery, { maxLength: 4 })),
  );
  const order = fc.infiniteStream(fc.nat(channels.length - 1));
  fc.assert(fc.property(perChannel, order, (lists, order) => {
    const queues = lists.map((list, index) =>
      parseFrames(concat(...list.map((message) => deliver(channels[index]!, message))))
        .map((one) => frame(one.type, one.channel, one.payload))
    );
    const { tap, connection } = newTap();
    // The last channel has no tap: all of its frames go to amqplib.
    const recorders = [new Recorder(), new Recorder()];
    recorders.forEach((recorder, index) => tap.tapDeliveries(channels[index]!, recorder.delivery));
    const untapped = [...queues[2]!];
    while (queues.some((queue) => queue.length > 0)) {
      const next = queues[order.next().value!]!.shift();
      if (next !== undefined) connection.receive(next);
    }
    recorders.forEach((recorder, index) => {
      assert.deepEqual(recorder.events, lists[index]!.flatMap(told));
    });
    assert.deepEqual(connection.seen, untapped);
  }));
});

Deno.test("tap: a message that a get found is taken, and amqplib hears that there is none", () => {
  const message = delivery({ bodies: [text("a"), text("b")] });
  const wire = getOk(2, message, 41);
  for (let cut = 0; cut <= wire.length; cut++) {
    const { tap, connection } = newTap();
    const recorder = new Recorder();
    tap.tapDeliveries(2, recorder.delivery);
    const handed = connection.receive(wire.slice(0, cut), wire.slice(cut));
    assert.deepEqual(handed, [{ id: GET_EMPTY_ID, channel: 2, fields: {} }]);
    assert.deepEqual(recorder.events, ["got 41", ...told(message)]);
    assert.equal(connection.seen.length, 0);
  }
});

Deno.test("tap: a get that found nothing is amqplib's", () => {
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapDeliveries(2, recorder.delivery);
  const empty = method(2, [60, 72], shortString(""));
  assert.equal(connection.receive(empty).length, 1);
  assert.deepEqual(connection.seen, [empty]);
  assert.deepEqual(recorder.events, []);
});

Deno.test("tap: confirms, one and many, positive and negative", () => {
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapConfirms(7, recorder.confirms);
  connection.receive(concat(
    basicAck(7, 1, false),
    basicAck(7, 0x2_0000_0001, true),
    basicNack(7, 4, { multiple: false, requeue: true }),
    basicNack(7, 9, { multiple: true }),
  ));
  assert.deepEqual(recorder.events, [
    { tag: 1, multiple: false, ack: true },
    { tag: 0x2_0000_0001, multiple: true, ack: true },
    { tag: 4, multiple: false, ack: false },
    { tag: 9, multiple: true, ack: false },
  ]);
  assert.equal(connection.seen.length, 0);
});

/** As `basicReturn()` makes it. */
const RETURNED = {
  code: 312,
  text: "NO_ROUTE",
  exchange: bytes(),
  routingKey: text("key"),
  properties: bytes(0, 0),
  bodySize: 4,
};

Deno.test("tap: a return is told with its content, cut at every byte", () => {
  const wire = concat(basicReturn(7, 312, "NO_ROUTE"), basicAck(7, 1, false));
  for (let cut = 0; cut <= wire.length; cut++) {
    const { tap, connection } = newTap();
    const recorder = new Recorder();
    tap.tapConfirms(7, recorder.confirms);
    tap.tapDeliveries(7, recorder.delivery);
    connection.receive(wire.slice(0, cut), wire.slice(cut));
    assert.deepEqual(recorder.events, [
      RETURNED,
      "returned",
      { tag: 1, multiple: false, ack: true },
    ]);
    assert.equal(recorder.bodies.reduce((sum, size) => sum + size, 0), 4);
    assert.equal(connection.seen.length, 0);
  }
});

Deno.test("tap: a returned message without a body ends with its header", () => {
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapConfirms(7, recorder.confirms);
  const names = [shortString("NO_ROUTE"), shortString(""), shortString("key")];
  const returned = concat(
    method(7, [60, 50], uint(312, 2), ...names),
    content(7, { properties: bytes(0, 0), bodies: [] }),
  );
  const stray = frame(3, 7, text("a body that nothing announced"));
  connection.receive(returned, stray);
  assert.deepEqual(recorder.events, [{ ...RETURNED, bodySize: 0 }, "returned"]);
  assert.deepEqual(connection.seen, [stray]);
});

Deno.test("tap: all else reaches amqplib untouched, in order", () => {
  const others = [
    HEARTBEAT,
    method(0, [10, 60], shortString("low on memory")), // connection.blocked
    method(5, [20, 40], uint(406, 2), shortString("text"), uint(0, 4)), // channel.close
    method(5, [60, 21], shortString("ctag")), // basic.consume-ok
    method(5, [60, 30], shortString("ctag"), bytes(1)), // basic.cancel
    method(5, [60, 111]), // basic.recover-ok
    basicAck(5, 1, false), // a channel that reads has no confirms
    ...parseFrames(deliver(6, delivery())).map((one) => frame(one.type, 6, one.payload)),
    frame(3, 5, text("a body that nothing announced")),
  ];
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapDeliveries(5, recorder.delivery);
  tap.tapConfirms(6, recorder.confirms);
  const handed = connection.receive(concat(...others));
  assert.deepEqual(connection.seen, others);
  // What amqplib decoded is what its accept loop gets.
  assert.deepEqual(
    handed.map((one) => (one as { decoded: number }).decoded),
    [
      ...others.keys(),
    ].map((index) => index + 1),
  );
  assert.deepEqual(recorder.events, []);
});

Deno.test("tap: methods between a delivery's frames on the same channel are not lost", () => {
  const [head, ...rest] = parseFrames(deliver(5, delivery({ bodies: [text("a"), text("b")] })))
    .map((one) => frame(one.type, one.channel, one.payload));
  const between = method(5, [20, 41]); // channel.close-ok
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapDeliveries(5, recorder.delivery);
  connection.receive(head!, rest[0]!, between, ...rest.slice(1));
  assert.deepEqual(connection.seen, [between]);
  assert.deepEqual(recorder.events, told(delivery({ bodies: [text("a"), text("b")] })));
});

Deno.test("tap: an untapped channel is amqplib's again", () => {
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapDeliveries(5, recorder.delivery);
  tap.untap(5);
  connection.receive(deliver(5, delivery()));
  assert.equal(connection.seen.length, 3);
  assert.deepEqual(recorder.events, []);
});

Deno.test("tap: a body longer than announced is an error", () => {
  for (const announced of [1, 4]) {
    const { tap, connection } = newTap();
    const recorder = new Recorder();
    tap.tapDeliveries(5, recorder.delivery);
    const start = deliver(5, delivery({ bodies: [] }));
    const methodEnd = parseFrames(start)[0]!.payload.length + 8;
    const body = { properties: bytes(0, 0), bodies: [text("12"), text("345")], announced };
    assert.throws(
      () => connection.receive(start.slice(0, methodEnd), content(5, body)),
      /body is longer than its header says/,
    );
    // Nothing beyond the announced size reached the tap, and the message was not ended.
    assert.ok(recorder.bodies.reduce((sum, size) => sum + size, 0) <= announced);
    assert.equal(recorder.events.length, 1);
  }
});

Deno.test("tap: empty body frames do not end a message early", () => {
  const { tap, connection } = newTap();
  const recorder = new Recorder();
  tap.tapDeliveries(5, recorder.delivery);
  connection.receive(deliver(5, delivery({ bodies: [bytes(), text("x"), bytes(), text("y")] })));
  assert.deepEqual(recorder.events.at(-1), { body: text("xy") });
});

Deno.test("tap: writing tells when the socket is full", async () => {
  const { tap, connection } = newTap();
  assert.equal(tap.frameMax, FRAME_MAX);
  assert.equal(tap.write(text("one")), undefined);
  assert.equal(connection.sentSinceLastCheck, true);
  connection.takesMore = false;
  let drained = false;
  const full = tap.write(text("two"))?.then(() => drained = true);
  await Promise.resolve();
  assert.equal(drained, false);
  connection.drains[0]!();
  await full;
  assert.equal(drained, true);
  assert.deepEqual(connection.written, [text("one"), text("two")]);
});
