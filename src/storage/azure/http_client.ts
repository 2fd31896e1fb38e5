import { Readable } from "node:stream";
import type { IHttpClient } from "@azure/storage-blob";
import type { HttpTransport } from "../http.ts";

type Request = Parameters<IHttpClient["sendRequest"]>[0];
type Answer = Awaited<ReturnType<IHttpClient["sendRequest"]>>;

/** Sends the requests of Azure's library by our transport. */
export class AzureHttpClient implements IHttpClient {
  readonly #transport: HttpTransport;

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  async sendRequest(request: Request): Promise<Answer> {
    const answer = await this.#transport.send({
      method: request.method,
      url: request.url,
      headers: new Headers(request.headers.rawHeaders()),
      body: bodyOf(request),
      signal: request.abortSignal as AbortSignal | undefined,
    });
    const result = { request, status: answer.status, headers: headersOf(request, answer.headers) };
    const { streamResponseStatusCodes: streamed } = request;
    if (streamed?.has(answer.status) || streamed?.has(Infinity)) {
      return { ...result, readableStreamBody: Readable.from(answer.body(), { highWaterMark: 1 }) };
    }
    return { ...result, bodyAsText: await answer.text() };
  }
}

function bodyOf({ method, body }: Request): Uint8Array | undefined {
  if (body === undefined || body === null) {
    return method === "PUT" || method === "POST" ? new Uint8Array(0) : undefined;
  }
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new TypeError("Cannot send a body that is neither text nor bytes");
}

/** In the library's own class, which it does not export. */
function headersOf(request: Request, answered: Headers): Request["headers"] {
  const headers = request.headers.clone();
  for (const name of headers.headerNames()) headers.remove(name);
  for (const [name, value] of answered) headers.set(name, value);
  return headers;
}
