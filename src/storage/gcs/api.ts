import type { GcsConfig } from "../../config/storage.ts";
import type { HttpAnswer, HttpTransport } from "../http.ts";
import { ObjectFailure } from "../object_driver.ts";
import { gcsStatusFailure } from "./failure.ts";
import { tokenSource } from "./token.ts";

const SERVICE = "https://storage.googleapis.com";

/** An object as the JSON API tells it; numbers are texts. */
export interface GcsResource {
  readonly name: string;
  readonly size: string;
  readonly updated: string;
  readonly generation: string;
  readonly md5Hash?: string;
  readonly metadata?: Record<string, string>;
}

/** One request of the JSON API. */
export interface GcsRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
}

type Query = Record<string, string | undefined>;

/** The JSON API of Google Cloud Storage: URLs of a bucket, authorized requests, answers. */
export class GcsApi {
  readonly transport: HttpTransport;
  readonly #service: string;
  readonly #bucket: string;
  readonly #userProject: string | undefined;
  readonly #token: (url: string) => Promise<Headers>;

  constructor(config: GcsConfig, transport: HttpTransport) {
    this.transport = transport;
    this.#service = (config.endpoint ?? SERVICE).replace(/\/+$/, "");
    this.#bucket = encodeURIComponent(config.bucket);
    this.#userProject = config.user_project;
    this.#token = tokenSource(config);
  }

  objectUrl(key: string, query: Query = {}): string {
    return this.#url(`/storage/v1/b/${this.#bucket}/o/${encodeURIComponent(key)}`, query);
  }

  listUrl(query: Query): string {
    return this.#url(`/storage/v1/b/${this.#bucket}/o`, query);
  }

  uploadUrl(query: Query): string {
    return this.#url(`/upload/storage/v1/b/${this.#bucket}/o`, query);
  }

  /** @throws ObjectFailure when the answer is no success */
  async send({ method, url, headers = {}, body, signal }: GcsRequest): Promise<HttpAnswer> {
    const all = await this.#token(url);
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    const answer = await this.transport.send({ method, url, headers: all, body, signal });
    if (answer.ok) return answer;
    throw await gcsStatusFailure(answer);
  }

  async text(request: GcsRequest): Promise<string> {
    return await (await this.send(request)).text();
  }

  async json<T>(request: GcsRequest): Promise<T> {
    const text = await this.text(request);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new ObjectFailure("transient", "the service's answer is no JSON", { cause: error });
    }
  }

  #url(path: string, query: Query): string {
    const given = Object.entries({ ...query, userProject: this.#userProject })
      .filter((pair): pair is [string, string] => pair[1] !== undefined);
    return `${this.#service}${path}${given.length === 0 ? "" : `?${new URLSearchParams(given)}`}`;
  }
}
