import http from "node:http";
import https from "node:https";
import type { TlsMaterial } from "./tls_files.ts";

/** One request; `path` is percent-encoded and goes onto the wire as it is. */
export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly body?: string;
  /** Until the whole answer is there. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Where requests go, and with which credentials. */
export interface HttpTarget {
  readonly url: URL;
  readonly username: string;
  readonly password: string;
  /** For https. */
  readonly tls: TlsMaterial;
}

/** No answer in time. */
export class TimeoutError extends Error {
  constructor(readonly timeoutMs: number) {
    super(`no answer within ${timeoutMs / 1000} s`);
    this.name = "TimeoutError";
  }
}

/** Far above the definitions of any broker, and what a text of this runtime can hold. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/**
 * Sends a request on a connection of its own and reads the whole answer. Redirects are not followed:
 * they could lead the credentials elsewhere.
 *
 * `node:https` and not `fetch`, which cannot expect a name other than the host's, and trusts the
 * system's certificates beside the given one.
 *
 * @throws the signal's reason, {@linkcode TimeoutError}, or the system's, TLS's or HTTP parser's error
 */
export async function sendRequest(target: HttpTarget, request: HttpRequest): Promise<HttpAnswer> {
  request.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const outgoing = open(target, request);
  const stop = (reason: unknown) => {
    reject(reason);
    outgoing.destroy();
  };
  const onAbort = () => stop(request.signal?.reason);
  const timer = setTimeout(() => stop(new TimeoutError(request.timeoutMs)), request.timeoutMs);
  request.signal?.addEventListener("abort", onAbort, { once: true });
  outgoing.on("error", reject);
  outgoing.on("response", (incoming) => readAnswer(incoming).then(resolve, stop));
  outgoing.end(request.body);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener("abort", onAbort);
  }
}

function open({ url, username, password, tls }: HttpTarget, request: HttpRequest) {
  const credentials = new TextEncoder().encode(`${username}:${password}`).toBase64();
  const options = {
    agent: false,
    method: request.method,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
    path: request.path,
    headers: {
      host: url.host,
      accept: "application/json",
      authorization: `Basic ${credentials}`,
      ...(request.body === undefined ? {} : {
        "content-type": "application/json",
        "content-length": String(new TextEncoder().encode(request.body).length),
      }),
    },
  };
  return url.protocol === "https:" ? https.request({ ...options, ...tls }) : http.request(options);
}

async function readAnswer(incoming: http.IncomingMessage): Promise<HttpAnswer> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES}`);
    text += decoder.decode(chunk, { stream: true });
  }
  text += decoder.decode();
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
}
