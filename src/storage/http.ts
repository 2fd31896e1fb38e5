import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { rootCertificates } from "node:tls";
import { AppError, messageOf } from "../errors.ts";
import { HttpAnswer, HttpFailure, httpFailure } from "./http_answer.ts";
import type { BandwidthLimit } from "./bandwidth.ts";
import { SilenceWatch } from "./silence_watch.ts";

export { HttpAnswer, HttpFailure } from "./http_answer.ts";

/** A request; a body is sent with its length. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@linkcode HttpTransport}. */
export interface HttpOptions {
  /** PEM file with certificates to trust beside the usual ones. */
  caCert?: string | undefined;
  /** What bodies in both directions are held back by. */
  bandwidth?: BandwidthLimit | undefined;
  /** How long nothing may move in either direction; default 60 s. */
  silenceMs?: number;
  /** Told the service's time with each answer that has it, epoch milliseconds, in whole seconds. */
  onTime?: ((epochMs: number) => void) | undefined;
}

interface Clients {
  readonly fetch: Deno.HttpClient;
  readonly http: http.Agent;
  readonly https: https.Agent;
}

const SILENCE_MS = 60_000;
/** Bodies go out in pieces of this size, so that no more waits in the socket. */
const PIECE_BYTES = 256 * 1024;

/**
 * The way of all requests to object stores, with limits of time, certificates, the proxy that
 * HTTPS_PROXY names, and the limit of bandwidth. Redirects are not followed.
 *
 * Each direction goes where this runtime needs the least memory. `fetch` copies a body twice before it
 * is sent (four parts of 8 MiB at once: 226 MiB in all, by `node:https` 57) and does not show whether
 * it moves; `node:https` leaves more garbage while it receives (eight objects of 128 MiB at once: 222
 * MiB in all, by `fetch` 103).
 */
export class HttpTransport {
  readonly #options: HttpOptions;
  #clients: Promise<Clients> | undefined;

  constructor(options: HttpOptions = {}) {
    this.#options = options;
  }

  /**
   * Gives the answer whatever its status; its body has to be read or discarded.
   *
   * @throws HttpFailure when there is none, or the reason of the request's signal
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { url, body, signal } = request;
    signal?.throwIfAborted();
    this.#clients ??= openClients(this.#options.caCert);
    const clients = await this.#clients;
    const cut = new AbortController();
    const watch = new SilenceWatch({
      silenceMs: this.#options.silenceMs ?? SILENCE_MS,
      signal,
      onEnd: (reason) => cut.abort(reason),
    });
    try {
      const exchange = { request, clients, watch, cut };
      const answer = body === undefined
        ? await this.#receive(exchange)
        : await this.#upload(exchange);
      this.#tellTime(answer);
      return answer;
    } catch (error) {
      watch[Symbol.dispose]();
      cut.abort(error);
      signal?.throwIfAborted();
      throw httpFailure(watch.reason ?? error, url);
    }
  }

  async close(): Promise<void> {
    const clients = await this.#clients?.catch(() => undefined);
    this.#clients = undefined;
    clients?.fetch.close();
    clients?.http.destroy();
    clients?.https.destroy();
  }

  #tellTime({ headers }: HttpAnswer): void {
    const time = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(time)) this.#options.onTime?.(time);
  }

  async #receive({ request, clients, watch, cut }: Exchange): Promise<HttpAnswer> {
    const { method, url, headers } = request;
    // Compressed answers would have other lengths than are said.
    headers.set("accept-encoding", "identity");
    headers.delete("host");
    headers.delete("content-length");
    watch.arm();
    const response = await fetch(url, {
      method,
      headers,
      redirect: "manual",
      client: clients.fetch,
      signal: cut.signal,
    });
    watch.disarm();
    return new HttpAnswer({
      method,
      status: response.status,
      headers: response.headers,
      pieces: response.body ?? new Blob().stream(),
      watch,
      bandwidth: this.#options.bandwidth,
      cut: () => cut.abort(),
    });
  }

  async #upload({ request, clients, watch, cut }: Exchange): Promise<HttpAnswer> {
    const outgoing = open(request, clients);
    cut.signal.addEventListener("abort", () => outgoing.destroy(), { once: true });
    watch.arm();
    const answered = firstAnswer(outgoing);
    // A service may refuse before it has read all.
    await Promise.race([this.#write(outgoing, request, watch), answered]);
    watch.arm();
    const incoming = await answered;
    watch.disarm();
    return new HttpAnswer({
      method: request.method,
      status: incoming.statusCode ?? 0,
      headers: headersOf(incoming),
      pieces: incoming,
      watch,
      bandwidth: undefined,
      cut: () => outgoing.destroy(),
    });
  }

  async #write(
    outgoing: http.ClientRequest,
    { body = new Uint8Array(0), signal }: HttpRequest,
    watch: SilenceWatch,
  ): Promise<void> {
    for (let at = 0; at < body.length && !outgoing.destroyed; at += PIECE_BYTES) {
      const piece = body.subarray(at, at + PIECE_BYTES);
      watch.disarm();
      await this.#options.bandwidth?.take(piece.length, signal);
      watch.arm();
      if (!outgoing.write(piece)) await once(outgoing, "drain");
    }
    outgoing.end();
  }
}

interface Exchange {
  readonly request: HttpRequest;
  readonly clients: Clients;
  readonly watch: SilenceWatch;
  /** Aborted: ends the connection. */
  readonly cut: AbortController;
}

async function openClients(caCert: string | undefined): Promise<Clients> {
  // On a connection that was used before, this runtime's node:http sends again by itself what was cut
  // off, and hangs when that is cut off as well (Deno 2.9).
  const shared = { keepAlive: false, proxyEnv: Deno.env.toObject() };
  try {
    const extra = caCert === undefined ? [] : [await readCertificates(caCert)];
    const ca = extra.length === 0 ? {} : { ca: [...rootCertificates, ...extra] };
    return {
      fetch: Deno.createHttpClient({ caCerts: extra }),
      http: new http.Agent(shared),
      https: new https.Agent({ ...shared, ...ca }),
    };
  } catch (error) {
    throw new AppError("config", `Cannot use ${caCert} as storage.ca_cert: ${messageOf(error)}`, {
      hint: "it has to be a PEM file with certificates",
      cause: error,
    });
  }
}

async function readCertificates(path: string): Promise<string> {
  const text = await readFile(path, "utf8");
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Error("it holds no certificate");
}

/** The path goes onto the wire as the caller has encoded it. */
function open(
  { method, url, headers, body }: HttpRequest,
  clients: Clients,
): http.ClientRequest {
  const path = /^https?:\/\/[^/?#]+([^#]*)/.exec(url)?.[1] ?? "/";
  const { protocol, hostname, port, host } = new URL(url);
  const options = {
    method,
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    path: path.startsWith("/") ? path : `/${path}`,
    ...(port === "" ? {} : { port: Number(port) }),
    headers: {
      ...Object.fromEntries(headers),
      host,
      "content-length": `${body?.length ?? 0}`,
    },
  };
  return protocol === "https:"
    ? https.request({ ...options, agent: clients.https })
    : http.request({ ...options, agent: clients.http });
}

function firstAnswer(outgoing: http.ClientRequest): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  promise.catch(() => {});
  outgoing.on("response", resolve);
  // Stays, as errors may also come behind the answer.
  outgoing.on("error", reject);
  outgoing.on("close", () => reject(new HttpFailure("the connection was closed")));
  return promise;
}

function headersOf({ rawHeaders }: http.IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return headers;
}
