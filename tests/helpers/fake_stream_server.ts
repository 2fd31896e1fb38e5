/** A server of the stream protocol that a test tells what to answer. Loopback only. */
import { FrameSplitter } from "../../src/broker/stream/frame_splitter.ts";
import { COMMAND, RESPONSE_BIT } from "../../src/broker/stream/protocol.ts";
import {
  frameOf,
  putMap,
  putString,
  takeList,
  takeMap,
  takeString,
} from "../../src/broker/stream/wire.ts";
import type { BrokerEndpoint } from "../../src/config/config.ts";
import { WireReader, type WireWriter } from "../../src/message/wire.ts";
import { amqpEndpoint } from "./direct.ts";

/** A request as the server hears it: its key, its correlation id, and what follows. */
export interface Heard {
  readonly key: number;
  readonly correlation: number;
  readonly body: WireReader;
  readonly client: FakeClient;
}

/** What a test may change. */
export interface FakeOptions {
  /** Default 4.3.0. */
  readonly version?: string;
  /** What the node says that it is called; default its own address. */
  readonly advertised?: { host: string; port: number };
  /** The leader that it names; default as advertised. */
  readonly leader?: { host: string; port: number };
  /** Answers a request itself, by returning true. */
  readonly answer?: (heard: Heard) => boolean;
  /** Code that the login is answered with. */
  readonly loginCode?: number;
}

/** One connection of a client, as the server sees it. */
export class FakeClient {
  readonly #connection: Deno.Conn;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  send(bytes: Uint8Array): void {
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    }).catch(() => {});
  }

  respond(heard: Heard, code: number, write: (writer: WireWriter) => void = () => {}): void {
    this.send(frameOf(heard.key | RESPONSE_BIT, (writer) => {
      writer.uint32(heard.correlation);
      writer.uint16(code);
      write(writer);
    }));
  }

  deliver(subscription: number, chunk: Uint8Array): void {
    this.send(frameOf(COMMAND.deliver, (writer) => {
      writer.octet(subscription);
      writer.raw(chunk);
    }));
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // It was closed before.
    }
  }
}

export class FakeStreamServer implements AsyncDisposable {
  /** Keys of what was heard, in order. */
  readonly heard: number[] = [];
  /** Properties that clients told of themselves. */
  readonly peers: Map<string, string>[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #options: FakeOptions;
  readonly #clients = new Set<FakeClient>();
  readonly #serving: Promise<void>;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.#serving = this.#serve();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  endpoint(change: Partial<BrokerEndpoint> = {}): BrokerEndpoint {
    return {
      ...amqpEndpoint("amqp://guest:guest@127.0.0.1"),
      stream_port: this.port,
      ...change,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const client of this.#clients) client.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const running: Promise<void>[] = [];
    for await (const connection of this.#listener) running.push(this.#talk(connection));
    await Promise.all(running);
  }

  async #talk(connection: Deno.Conn): Promise<void> {
    const client = new FakeClient(connection);
    this.#clients.add(client);
    const none = () => {};
    const splitter = new FrameSplitter({
      frame: (frame) => this.#hear(frame, client),
      delivery: none,
      chunkBytes: none,
      deliveryEnd: none,
    });
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const size = await connection.read(buffer);
        if (size === null) break;
        splitter.push(buffer.slice(0, size));
      }
    } catch {
      // Closed.
    }
    client.close();
  }

  #hear(frame: Uint8Array, client: FakeClient): void {
    const reader = new WireReader(frame);
    const key = reader.uint16();
    reader.uint16();
    this.heard.push(key);
    if (key === COMMAND.tune || key === COMMAND.heartbeat) return;
    const hasCorrelation = key !== COMMAND.credit && key !== COMMAND.publish;
    const correlation = hasCorrelation ? reader.uint32() : 0;
    const heard = { key, correlation, body: reader, client };
    if (this.#options.answer?.(heard)) return;
    this.#answer(heard);
  }

  #answer(heard: Heard): void {
    const { key, correlation, body, client } = heard;
    const { version = "4.3.0", loginCode = 1 } = this.#options;
    const advertised = this.#options.advertised ?? { host: "127.0.0.1", port: this.port };
    switch (key) {
      case COMMAND.peerProperties:
        this.peers.push(takeMap(body));
        return client.respond(heard, 1, (writer) => putMap(writer, { version }));
      case COMMAND.saslHandshake:
        return client.respond(heard, 1, (writer) => {
          writer.uint32(1);
          putString(writer, "PLAIN");
        });
      case COMMAND.saslAuthenticate:
        client.respond(heard, loginCode);
        return client.send(frameOf(COMMAND.tune, (writer) => {
          writer.uint32(1 << 20);
          writer.uint32(60);
        }));
      case COMMAND.open:
        return client.respond(heard, 1, (writer) =>
          putMap(writer, {
            advertised_host: advertised.host,
            advertised_port: String(advertised.port),
          }));
      case COMMAND.exchangeCommandVersions:
        return client.respond(heard, 1, (writer) => {
          writer.uint32(1);
          for (const number of [COMMAND.publish, 1, 2]) writer.uint16(number);
        });
      case COMMAND.metadata: {
        const names = takeList(body, 2, () => takeString(body));
        const { host, port } = this.#options.leader ?? advertised;
        return client.send(frameOf(COMMAND.metadata | RESPONSE_BIT, (writer) => {
          writer.uint32(correlation);
          writer.uint32(1);
          writer.uint16(0);
          putString(writer, host);
          writer.uint32(port);
          writer.uint32(names.length);
          for (const name of names) {
            putString(writer, name);
            writer.uint16(name === "missing" ? 2 : 1);
            writer.uint16(0);
            writer.uint32(0);
          }
        }));
      }
      case COMMAND.credit:
      case COMMAND.publish:
        return;
      default:
        client.respond(heard, 1, (writer) => {
          if (key === COMMAND.queryPublisherSequence) writer.uint64(0n);
        });
    }
  }
}
