import http from "node:http";
import type { AddressInfo } from "node:net";
import { GcsSessions } from "./gcs_sessions.ts";

/** A request on its way to the storage. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** From 1, over the life of the proxy. */
  readonly number: number;
}

/** What is done to a request, or to its answer. */
export type Fault =
  /** The connection ends before the request reaches the storage. */
  | { readonly kind: "reset" }
  /** The storage does what was asked, and the connection ends before its answer. */
  | { readonly kind: "lose-answer" }
  /** The answer comes from here, and the storage never sees the request. */
  | { readonly kind: "answer"; status: number; headers?: Record<string, string>; body?: string }
  /** So many bytes of the answer's body pass, then the connection ends. */
  | { readonly kind: "truncate"; bytes: number }
  /** So many bytes of the answer's body pass, then nothing for so long, then the connection ends. */
  | { readonly kind: "stall"; bytes: number; ms: number }
  /** The request waits. */
  | { readonly kind: "delay"; ms: number }
  /** A byte of the request's body is another when it comes to the storage, so far before its end. */
  | { readonly kind: "corrupt"; fromEnd: number };

/** Stands between the tool and a storage server, and does to requests what it is told. */
export class StorageProxy implements AsyncDisposable {
  readonly #server: http.Server;
  readonly #target: URL;
  /** Asked for each request; `undefined` lets it pass. */
  fault: (request: ProxiedRequest) => Fault | undefined = () => undefined;
  /** Bytes a second of request bodies, all together; undefined: no limit. */
  bytesPerSecond: number | undefined;
  /** Headers of answers in place of the storage's own. */
  answerHeaders: () => Record<string, string> = () => ({});
  /** All that came, in order. */
  readonly requests: ProxiedRequest[] = [];
  readonly #sessions = new GcsSessions();

  private constructor(target: URL) {
    this.#target = target;
    this.#server = http.createServer((incoming, answer) => {
      this.#serve(incoming, answer).catch(() => answer.destroy());
    });
  }

  /** A proxy in front of a server. */
  static async inFrontOf(endpoint: string): Promise<StorageProxy> {
    const proxy = new StorageProxy(new URL(endpoint));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** The server's endpoint as it is reached through this proxy. */
  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#target.pathname.replace(/\/$/, "")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: http.IncomingMessage, answer: http.ServerResponse): Promise<void> {
    const { method = "", url: path = "" } = incoming;
    const request = { method, path, number: this.requests.length + 1 };
    this.requests.push(request);
    const fault = this.fault(request);
    if (fault?.kind === "reset") return void incoming.socket.destroy();
    if (fault?.kind === "delay") await pause(fault.ms);
    if (fault?.kind === "answer") {
      for await (const _ of incoming);
      answer.writeHead(fault.status, fault.headers ?? {});
      return void answer.end(method === "HEAD" ? undefined : fault.body ?? "");
    }
    const range = method === "PUT" ? incoming.headers["content-range"] : undefined;
    const known = this.#sessions.answer(path, range);
    if (known !== undefined) {
      for await (const _ of incoming);
      if (fault?.kind === "lose-answer") return void incoming.socket.destroy();
      answer.writeHead(known.status, known.headers);
      return void answer.end(known.body);
    }
    const upstream = http.request({
      host: this.#target.hostname,
      port: this.#target.port,
      method,
      path,
      // The signature covers the host that the client has seen; servers compare with this header.
      headers: incoming.headers,
      agent: false,
    });
    const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
      upstream.on("response", resolve);
      upstream.on("error", reject);
    });
    answered.catch(() => {});
    let left = Number(incoming.headers["content-length"] ?? 0);
    for await (const piece of incoming) {
      left -= piece.length;
      if (
        fault?.kind === "corrupt" && left < fault.fromEnd && left + piece.length >= fault.fromEnd
      ) {
        piece[left + piece.length - fault.fromEnd] ^= 1;
      }
      if (this.bytesPerSecond !== undefined) {
        await pause(piece.length / this.bytesPerSecond * 1000);
      }
      upstream.write(piece);
    }
    upstream.end();
    const from = await answered;
    if (range === undefined) {
      return await this.#answer(from, { answer, fault, socket: incoming.socket });
    }
    const body = (await Array.fromAsync(from)).join("");
    this.#sessions.note(path, range, { status: from.statusCode ?? 0, body });
    if (fault?.kind === "lose-answer") return void incoming.socket.destroy();
    answer.writeHead(from.statusCode ?? 0, from.headers);
    answer.end(body);
  }

  async #answer(
    from: http.IncomingMessage,
    { answer, fault, socket }: {
      answer: http.ServerResponse;
      fault: Fault | undefined;
      socket: { destroy(): void };
    },
  ): Promise<void> {
    if (fault?.kind === "lose-answer") {
      for await (const _ of from);
      return socket.destroy();
    }
    const headers = { ...from.headers, ...this.answerHeaders() };
    // Resumable uploads go on through the proxy, too.
    if (headers.location !== undefined) {
      headers.location = headers.location.replace(
        this.#target.origin,
        new URL(this.endpoint).origin,
      );
    }
    answer.writeHead(from.statusCode ?? 0, headers);
    let left = fault?.kind === "truncate" || fault?.kind === "stall" ? fault.bytes : Infinity;
    for await (const piece of from) {
      answer.write(piece.subarray(0, left));
      left -= piece.length;
      if (left > 0) continue;
      if (fault?.kind === "stall") await pause(fault.ms);
      else await pause(20); // what was written reaches the other side first
      return socket.destroy();
    }
    answer.end();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
