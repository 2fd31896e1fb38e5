import type { S3ClientConfig } from "@aws-sdk/client-s3";
import type { HttpTransport } from "../http.ts";

type Handler = Extract<S3ClientConfig["requestHandler"], { handle: unknown }>;
type Request = Parameters<Handler["handle"]>[0];
type Result = Awaited<ReturnType<Handler["handle"]>>;

/** Sends the requests of AWS's library by our transport. */
export class S3HttpHandler {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #transport: HttpTransport;

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  async handle(request: Request, options: { abortSignal?: unknown } = {}): Promise<Result> {
    const signal = options.abortSignal as AbortSignal | undefined;
    const answer = await this.#transport.send({
      method: request.method,
      url: urlOf(request),
      headers: new Headers(request.headers),
      body: bodyOf(request),
      signal,
    });
    // The library collects the pieces of all other answers.
    const reuseMemory = answer.ok && request.query?.["x-id"] === "GetObject";
    const isEmpty = request.method === "HEAD" || answer.status === 204;
    if (isEmpty) await answer.discard();
    return {
      response: {
        statusCode: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: isEmpty ? undefined : ReadableStream.from(answer.body({ reuseMemory })),
      },
    };
  }

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  destroy(): void {}
}

function bodyOf({ method, body }: Request): Uint8Array | undefined {
  if (body === undefined || body === null) {
    return method === "PUT" || method === "POST" ? new Uint8Array(0) : undefined;
  }
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof Uint8Array) return body;
  throw new TypeError("Cannot send a body that is neither text nor bytes");
}

/** The path is percent-encoded already; the query is not. */
function urlOf({ protocol, hostname, port, path, query }: Request): string {
  const words = Object.entries(query ?? {}).toSorted(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) =>
        one === null || one === "" ? `${encode(name)}=` : `${encode(name)}=${encode(one)}`
      )
    );
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}${words.length === 0 ? "" : `?${words.join("&")}`}`;
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}
