import assert from "node:assert/strict";
import fc from "fast-check";
import { bytes, concat, parsePublishes, text } from "../../../tests/helpers/amqp_wire.ts";
import { AppError } from "../../errors.ts";
import type { BrokerConnection, NumberedConfirmChannel } from "./connection.ts";
import type { ConfirmTap } from "./content_tap.ts";
import { type Publish, Publisher, type PublisherOptions } from "./publisher.ts";

const CHANNEL = 3;
const signal = new AbortController().signal;

/** A connection that keeps what is written and confirms what the test says. */
class FakeConnection {
  isOpen = true;
  confirms: ConfirmTap | undefined;
  channelClosed = 0;
  readonly written: Uint8Array[] = [];
  readonly lost = new Set<(error: AppError) => void>();
  onChannelError: (error: Error) => void = () => {};
  /** Set: the socket is full until it is called. */
  drain: (() => void) | undefined;
  #full = false;
  readonly tap: Pick<BrokerConnection["tap"], "frameMax" | "tapConfirms" | "untap" | "write">;

  constructor(frameMax = 4096) {
    this.tap = {
      frameMax,
      tapConfirms: (channel, tap) => {
        assert.equal(channel, CHANNEL);
        this.confirms = tap;
      },
      untap: () => this.confirms = undefined,
      write: (frames) => {
        this.written.push(frames);
        if (!this.#full) return undefined;
        return new Promise((resolve) => this.drain = resolve);
      },
    };
  }

  fillSocket(full: boolean): void {
    this.#full = full;
  }

  openConfirmChannel(onClose?: (error: Error) => void): Promise<NumberedConfirmChannel> {
    this.onChannelError = onClose!;
    const close = () => Promise.resolve(void this.channelClosed++);
    return Promise.resolve({ ch: CHANNEL, close } as unknown as NumberedConfirmChannel);
  }

  closeChannel(channel: NumberedConfirmChannel): Promise<void> {
    return channel.close();
  }

  onLost(listener: (error: AppError) => void): () => void {
    this.lost.add(listener);
    return () => this.lost.delete(listener);
  }

  ack(tag: number, multiple = false): void {
    this.confirms!.confirm(tag, { multiple, ack: true });
  }

  nack(tag: number, multiple = false): void {
    this.confirms!.confirm(tag, { multiple, ack: false });
  }

  /** A message comes back. */
  return({ pieces, ...message }: Message = plain): void {
    const bodySize = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.confirms!.returned({ code: 312, text: "NO_ROUTE", ...message, bodySize });
    for (const piece of pieces) this.confirms!.returnedBody(piece);
    this.confirms!.returnedEnd();
  }
}

interface Setup {
  connection: FakeConnection;
  publisher: Publisher;
  /** Each position that `onConfirmed` told. */
  told: number[];
}

async function setup(
  options: Partial<PublisherOptions> & { frameMax?: number } = {},
): Promise<Setup> {
  const connection = new FakeConnection(options.frameMax);
  const told: number[] = [];
  const publisher = new Publisher(connection as unknown as BrokerConnection, {
    window: 10,
    ...options,
    onConfirmed: (confirmed) => told.push(confirmed),
  });
  await publisher.open();
  return { connection, publisher, told };
}

interface Message extends Omit<Publish, "bodySize"> {
  /** Pieces of the body, as they are handed over. */
  pieces: Uint8Array[];
}

const plain: Message = {
  exchange: bytes(),
  routingKey: text("q"),
  properties: bytes(0x10, 0, 2),
  pieces: [text("body")],
};

function publish(publisher: Publisher, message: Message = plain): void {
  const bodySize = message.pieces.reduce((sum, piece) => sum + piece.length, 0);
  publisher.begin({ ...message, bodySize });
  for (const piece of message.pieces) publisher.body(piece);
  publisher.end();
}

/** Whether a promise is settled by now. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  const settled = promise.then(() => true, () => true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return await Promise.race([settled, Promise.resolve(pending)]) === pending;
}

const anyMessage: fc.Arbitrary<Message> = fc.record({
  exchange: fc.uint8Array({ maxLength: 255 }),
  routingKey: fc.uint8Array({ maxLength: 255 }),
  properties: fc.uint8Array({ minLength: 2, maxLength: 300 }),
  pieces: fc.array(fc.uint8Array({ maxLength: 900 }), { maxLength: 4 }),
}, { noNullPrototype: true });

Deno.test("publisher: frames that another parser reads back, byte for byte", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(anyMessage, { maxLength: 30 }),
    fc.constantFrom(512, 4096, 200_000),
    async (messages, frameMax) => {
      const { connection, publisher } = await setup({ window: 1_000_000, frameMax });
      for (const message of messages) publish(publisher, message);
      const finished = publisher.finish(signal);
      const parsed = parsePublishes(concat(...connection.written));
      assert.deepEqual(
        parsed.map(({ bodies, ...rest }) => ({ ...rest, body: concat(...bodies) })),
        messages.map(({ pieces, ...rest }) => ({
          ...rest,
          channel: CHANNEL,
          mandatory: true,
          immediate: false,
          body: concat(...pieces),
        })),
      );
      for (const { bodies } of parsed) {
        for (const body of bodies) assert.ok(body.length <= frameMax - 8);
      }
      if (messages.length > 0) connection.ack(messages.length, true);
      await finished;
    },
  ));
});

Deno.test("publisher: a body around the largest frame is cut as AMQP wants it", async () => {
  const frameMax = 4096;
  const largest = frameMax - 8;
  for (const size of [0, 1, largest - 1, largest, largest + 1, 2 * largest, 2 * largest + 1]) {
    const { connection, publisher } = await setup({ frameMax });
    publish(publisher, { ...plain, pieces: size === 0 ? [] : [new Uint8Array(size).fill(7)] });
    void publisher.finish(signal);
    const [message] = parsePublishes(concat(...connection.written));
    const sizes = message!.bodies.map((body) => body.length);
    assert.deepEqual(sizes, [
      ...Array(Math.floor(size / largest)).fill(largest),
      ...(size % largest === 0 ? [] : [size % largest]),
    ]);
  }
});

Deno.test("publisher: a body larger than its buffer, in one piece, and frames larger too", async () => {
  for (const frameMax of [131_072, 1_000_000]) {
    const { connection, publisher } = await setup({ frameMax });
    const body = crypto.getRandomValues(new Uint8Array(65_536));
    const pieces = [concat(...Array(48).fill(body))];
    publish(publisher, plain);
    publish(publisher, { ...plain, pieces });
    publish(publisher, plain);
    void publisher.finish(signal);
    const parsed = parsePublishes(concat(...connection.written));
    assert.equal(parsed.length, 3);
    assert.deepEqual(concat(...parsed[1]!.bodies), pieces[0]);
    assert.deepEqual(parsed.map(({ bodies }) => bodies.length), [
      1,
      Math.ceil(pieces[0]!.length / (frameMax - 8)),
      1,
    ]);
  }
});

Deno.test("publisher: what is written belongs to the socket", async () => {
  const { connection, publisher } = await setup({ window: 1_000_000 });
  const copies: Uint8Array[] = [];
  for (let index = 0; index < 200; index++) {
    publish(publisher, { ...plain, pieces: [new Uint8Array(2000).fill(index)] });
    for (const chunk of connection.written.slice(copies.length)) copies.push(chunk.slice());
  }
  assert.ok(copies.length >= 2);
  assert.deepEqual(connection.written, copies);
});

Deno.test("publisher: properties that fit no frame of the target are refused before anything is sent", async () => {
  const { connection, publisher } = await setup({ frameMax: 4096 });
  const fits = new Uint8Array(4096 - 8 - 12);
  publish(publisher, { ...plain, properties: fits });
  assert.throws(
    () => publisher.begin({ ...plain, properties: new Uint8Array(fits.length + 1), bodySize: 0 }),
    (error) => error instanceof AppError && error.code === "refused" && /4096/.test(error.message),
  );
  void publisher.finish(signal);
  const [message, ...more] = parsePublishes(concat(...connection.written));
  assert.equal(message!.properties.length, fits.length);
  assert.equal(more.length, 0);
});

Deno.test("publisher: a body that is not as long as announced is an error", async () => {
  const { publisher } = await setup();
  publisher.begin({ ...plain, bodySize: 3 });
  publisher.body(text("ab"));
  assert.throws(() => publisher.end(), RangeError);
  assert.throws(() => publisher.body(text("cd")), RangeError);
});

Deno.test("publisher: confirms in any order move the confirmed position without gaps", async () => {
  const { connection, publisher, told } = await setup();
  for (let index = 0; index < 8; index++) publish(publisher);
  connection.ack(2);
  connection.ack(3);
  assert.equal(publisher.confirmed, 0);
  connection.ack(1);
  assert.equal(publisher.confirmed, 3);
  connection.ack(6);
  connection.ack(5, true);
  assert.equal(publisher.confirmed, 6);
  connection.ack(8);
  connection.ack(7);
  assert.equal(publisher.confirmed, 8);
  assert.deepEqual(told, [3, 6, 8]);
  assert.equal(publisher.sent, 8);
});

Deno.test("publisher: any sequence of confirms agrees with a set of tags", async () => {
  const confirm = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean());
  await fc.assert(fc.asyncProperty(fc.array(confirm), async (confirms) => {
    const { connection, publisher, told } = await setup({ window: 100 });
    for (let index = 0; index < 20; index++) publish(publisher);
    const model = new Set<number>();
    for (const [tag, multiple] of confirms) {
      for (let one = multiple ? 1 : tag; one <= tag; one++) model.add(one);
      connection.ack(tag, multiple);
      let contiguous = 0;
      while (model.has(contiguous + 1)) contiguous++;
      assert.equal(publisher.confirmed, contiguous);
    }
    assert.ok(told.every((position, index) => index === 0 || position >= told[index - 1]!));
  }));
});

Deno.test("publisher: the window is measured from the released position", async () => {
  const { connection, publisher } = await setup({ window: 10 });
  for (let index = 0; index < 6; index++) publish(publisher);
  await publisher.flow(4, signal);
  assert.equal(connection.written.length, 0, "within the window nothing has to be sent yet");
  const full = publisher.flow(5, signal);
  assert.equal(connection.written.length, 1, "what is waited for has to be on its way");
  connection.ack(6, true);
  assert.ok(await isPending(full), "confirmed is not yet released");
  publisher.release(1);
  await full;
  // More room than the window has: everything has to be released.
  const all = publisher.flow(11, signal);
  publisher.release(5);
  assert.ok(await isPending(all));
  publisher.release(6);
  await all;
});

Deno.test("publisher: flow waits for the socket, also within the window", async () => {
  const { connection, publisher } = await setup({ window: 1_000_000 });
  connection.fillSocket(true);
  publish(publisher, { ...plain, pieces: [new Uint8Array(300_000)] });
  const waiting = publisher.flow(1, signal);
  assert.ok(await isPending(waiting));
  connection.drain!();
  await waiting;
  await publisher.flow(1, signal);
});

Deno.test("publisher: finish waits for every confirm", async () => {
  const { connection, publisher } = await setup();
  for (let index = 0; index < 3; index++) publish(publisher);
  const finished = publisher.finish(signal);
  assert.equal(parsePublishes(concat(...connection.written)).length, 3);
  connection.ack(2, true);
  assert.ok(await isPending(finished));
  connection.ack(3);
  await finished;
});

Deno.test("publisher: finish with nothing sent is done", async () => {
  const { connection, publisher } = await setup();
  await publisher.finish(signal);
  assert.equal(connection.written.length, 0);
});

async function rejectsWith(promise: Promise<unknown>, code: string, message: RegExp) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("publisher: a nack ends it, and what comes later does not hide the gap", async () => {
  const { connection, publisher, told } = await setup();
  for (let index = 0; index < 6; index++) publish(publisher);
  const finished = publisher.finish(signal);
  connection.ack(2, true);
  connection.nack(3);
  connection.ack(4);
  // The broker counts message 3 as settled: its "all up to 6" means no more than 4 to 6.
  connection.ack(6, true);
  await rejectsWith(finished, "broker_denied", /^Cannot publish: the target rejects messages/);
  assert.equal(publisher.confirmed, 2);
  assert.deepEqual(told, [2]);
  await rejectsWith(publisher.flow(1, signal), "broker_denied", /nack/);
  await publisher.settle(60_000); // at once
  assert.equal(publisher.unsettled, 3, "4 to 6 are in the queue, behind the gap");
});

Deno.test("publisher: confirms that come after a nack, for what was sent before it, count", async () => {
  const { connection, publisher } = await setup();
  for (let index = 0; index < 5; index++) publish(publisher);
  const finished = publisher.finish(signal);
  connection.nack(4);
  await rejectsWith(finished, "broker_denied", /nack/);
  publish(publisher); // too late to be sent
  const settled = publisher.settle(60_000);
  connection.ack(2, true);
  connection.nack(5, true); // 3 and 5
  await settled;
  assert.equal(publisher.confirmed, 2);
  assert.equal(publisher.unsettled, 0);
  assert.equal(parsePublishes(concat(...connection.written)).length, 5);
});

Deno.test("publisher: a message that no queue took ends it, though it is confirmed", async () => {
  const { connection, publisher, told } = await setup();
  for (let index = 0; index < 3; index++) publish(publisher);
  const finished = publisher.finish(signal);
  connection.ack(1);
  connection.return();
  connection.ack(3, true);
  await rejectsWith(finished, "broker_missing", /no queue took a message \(312 NO_ROUTE\)/);
  assert.equal(publisher.confirmed, 1);
  assert.deepEqual(told, [1]);
});

Deno.test("publisher: rejected messages are told and counted, and the rest goes on", async () => {
  const rejected: number[] = [];
  const { connection, publisher, told } = await setup({ onRejected: (tag) => rejected.push(tag) });
  for (let index = 0; index < 8; index++) publish(publisher);
  const finished = publisher.finish(signal);
  connection.nack(2);
  assert.equal(publisher.confirmed, 0);
  connection.ack(1);
  assert.equal(publisher.confirmed, 2);
  connection.ack(4);
  connection.nack(5, true); // 3 and 5: 4 was answered
  connection.nack(7);
  connection.ack(8, true);
  await finished;
  assert.deepEqual(rejected, [2, 3, 5, 7]);
  assert.deepEqual(told, [2, 5, 8]);
  assert.equal(publisher.unsettled, 0);
});

Deno.test("publisher: any answers tell each rejected message once", async () => {
  const answer = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean(), fc.boolean());
  await fc.assert(fc.asyncProperty(fc.array(answer), async (answers) => {
    const rejected: number[] = [];
    const { connection, publisher } = await setup({
      window: 100,
      onRejected: (tag) => rejected.push(tag),
    });
    for (let index = 0; index < 20; index++) publish(publisher);
    const model = new Map<number, boolean>();
    for (const [tag, multiple, ack] of answers) {
      const open = (one: number) => !model.has(one);
      const tags = multiple ? [...Array(tag).keys()].map((one) => one + 1) : [tag];
      if (!tags.some(open)) continue; // a broker answers each message once
      for (const one of tags.filter(open)) model.set(one, ack);
      connection.confirms!.confirm(tag, { multiple, ack });
      let contiguous = 0;
      while (model.has(contiguous + 1)) contiguous++;
      assert.equal(publisher.confirmed, contiguous);
    }
    const nacked = [...model].filter(([, ack]) => !ack).map(([tag]) => tag);
    assert.deepEqual(rejected.toSorted((a, b) => a - b), nacked.toSorted((a, b) => a - b));
  }));
});

Deno.test("publisher: each message that comes back is told by its content", async () => {
  const message = (index: number): Message => ({
    exchange: text("x"),
    routingKey: text(`key ${index % 3}`),
    properties: bytes(0x10, 0, index % 2),
    pieces: [text(`body ${index % 5}`)],
  });
  const places = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 });
  await fc.assert(fc.asyncProperty(places, async (returned) => {
    const unroutable: number[] = [];
    const { connection, publisher } = await setup({
      window: 40,
      onUnroutable: (place) => unroutable.push(place),
    });
    for (let index = 1; index <= 30; index++) publish(publisher, message(index));
    const finished = publisher.finish(signal);
    returned.sort((a, b) => a - b);
    for (const place of returned) connection.return(message(place));
    connection.ack(30, true);
    await finished;
    assert.deepEqual(unroutable, returned);
    assert.equal(publisher.confirmed, 30);
  }));
});

Deno.test("publisher: a message that comes back with its headers in another order", async () => {
  const one = text("\x01aS\0\0\0\x011");
  const two = text("\x01bS\0\0\0\x012");
  const withHeaders = (...headers: Uint8Array[]): Message => ({
    ...plain,
    properties: concat(bytes(0x30, 0, 0, 0, 0, one.length + two.length), ...headers, bytes(2)),
  });
  const unroutable: number[] = [];
  const { connection, publisher } = await setup({ onUnroutable: (at) => unroutable.push(at) });
  publish(publisher, withHeaders(one, one));
  publish(publisher, withHeaders(two, one));
  const finished = publisher.finish(signal);
  connection.return(withHeaders(one, two));
  connection.ack(2, true);
  await finished;
  assert.deepEqual(unroutable, [2]);
});

Deno.test("publisher: a message that comes back changed ends it: which one it was cannot be told", async () => {
  const { connection, publisher } = await setup({ onUnroutable: () => assert.fail("not known") });
  publish(publisher);
  const finished = publisher.finish(signal);
  connection.return({ ...plain, pieces: [text("ydob")] });
  connection.ack(1);
  await rejectsWith(finished, "failed", /no queue took a message, and which one cannot be told/);
  assert.equal(publisher.confirmed, 0);
});

Deno.test("publisher: a lost connection or channel wakes who waits", async () => {
  const lost = new AppError("broker_unreachable", "Cannot go on: lost");
  for (const wait of ["flow", "finish"] as const) {
    const { connection, publisher } = await setup({ window: 1 });
    publish(publisher);
    publish(publisher);
    const waiting = wait === "flow" ? publisher.flow(1, signal) : publisher.finish(signal);
    assert.ok(await isPending(waiting));
    for (const listener of connection.lost) listener(lost);
    await rejectsWith(waiting, "broker_unreachable", /lost/);
  }
  const { connection, publisher } = await setup();
  publish(publisher);
  const waiting = publisher.finish(signal);
  connection.onChannelError(new Error("Channel closed by server: 406 (PRECONDITION-FAILED)"));
  await rejectsWith(waiting, "failed", /Cannot publish: Channel closed by server: 406/);
});

Deno.test("publisher: a full socket whose connection is lost does not hang", async () => {
  const { connection, publisher } = await setup();
  connection.fillSocket(true);
  publish(publisher, { ...plain, pieces: [new Uint8Array(300_000)] });
  const waiting = publisher.flow(1, signal);
  assert.ok(await isPending(waiting));
  for (const listener of connection.lost) listener(new AppError("broker_unreachable", "lost"));
  await rejectsWith(waiting, "broker_unreachable", /lost/);
});

Deno.test("publisher: the signal wakes who waits", async () => {
  for (const wait of ["flow", "finish"] as const) {
    const { publisher } = await setup({ window: 1 });
    publish(publisher);
    publish(publisher);
    const abort = new AbortController();
    const waiting = wait === "flow"
      ? publisher.flow(1, abort.signal)
      : publisher.finish(abort.signal);
    assert.ok(await isPending(waiting));
    abort.abort(new Error("stopped"));
    await assert.rejects(waiting, /stopped/);
    await assert.rejects(publisher.flow(0, abort.signal), /stopped/);
  }
});

Deno.test("publisher: settle sends the rest and takes what confirms come in time", async () => {
  const { connection, publisher } = await setup();
  for (let index = 0; index < 3; index++) publish(publisher);
  const settling = publisher.settle(60_000);
  assert.equal(parsePublishes(concat(...connection.written)).length, 3);
  connection.ack(3, true);
  await settling;
  assert.equal(publisher.confirmed, 3);
});

Deno.test("publisher: settle gives up in time", async () => {
  const { connection, publisher } = await setup();
  publish(publisher);
  publish(publisher);
  const settling = publisher.settle(30);
  connection.ack(1);
  await settling;
  assert.equal(publisher.confirmed, 1);
});

Deno.test("publisher: settle never sends half a message", async () => {
  const { connection, publisher } = await setup();
  publish(publisher);
  publisher.begin({ ...plain, bodySize: 10 });
  publisher.body(text("12345"));
  await publisher.settle(1);
  assert.deepEqual(connection.written, []);
  assert.equal(publisher.sent, 1);
});

Deno.test("publisher: a closed one leaves nothing behind on its connection", async () => {
  const { connection, publisher } = await setup();
  await publisher.close();
  assert.equal(connection.channelClosed, 1);
  assert.equal(connection.confirms, undefined);
  assert.equal(connection.lost.size, 0);
  const other = await setup();
  other.connection.isOpen = false;
  await other.publisher.close();
  assert.equal(other.connection.channelClosed, 0);
  assert.equal(other.connection.lost.size, 0);
});
