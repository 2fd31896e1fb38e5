import pRetry from "p-retry";
import type { z } from "zod";
import type { BrokerEndpoint } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { parseExactJson } from "../../exact_json.ts";
import { type HttpAnswer, type HttpRequest, sendRequest } from "./http.ts";
import {
  type Attempt,
  ManagementError,
  notManagementApi,
  requestError,
  statusError,
} from "./http_error.ts";
import { readTlsFiles, type TlsMaterial } from "./tls_files.ts";

/** The part of a broker's configuration that the management API needs. */
export type ManagementEndpoint = Pick<
  BrokerEndpoint,
  "management_url" | "management_username" | "management_password" | "tls"
>;

/** Limits of the requests. */
export interface ManagementClientOptions {
  /** For one request; default 30 s. Definitions get ten times that. */
  timeoutMs?: number;
  /** How often a reading request is sent again after a transient failure; default 3. */
  retries?: number;
}

/** One call of the API. */
export interface Call {
  readonly method?: HttpRequest["method"];
  /** For messages: "list queues". */
  readonly action: string;
  /** Below `/api/`, percent-encoded. */
  readonly path: string;
  readonly body?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** No retry starts later than this after the first try, so that a lasting failure shows soon. */
const RETRY_WITHIN_MS = 10_000;

/** Sends calls with credentials, TLS, limits and retries, and checks what comes back. */
export class Transport {
  readonly url: string;
  readonly username: string;
  readonly timeoutMs: number;
  readonly #endpoint: ManagementEndpoint;
  readonly #retries: number;
  #tls: Promise<TlsMaterial> | undefined;

  constructor(endpoint: ManagementEndpoint, options: ManagementClientOptions) {
    this.url = endpoint.management_url.replace(/\/+$/, "");
    this.username = endpoint.management_username;
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.#endpoint = endpoint;
    this.#retries = options.retries ?? 3;
  }

  /** The answer's JSON in the shape of `schema`; fields that it does not know are left out. */
  async get<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
    return this.checked(schema, await this.json(call), call);
  }

  async json(call: Call): Promise<unknown> {
    const answer = await this.send(call);
    try {
      return parseExactJson(answer.text);
    } catch (error) {
      throw notManagementApi(this.#attempt(call), "it is no JSON", error);
    }
  }

  /** @throws AppError `broker_unreachable` when `json` has another shape */
  checked<T>(schema: z.ZodType<T>, json: unknown, call: Call): T {
    const result = schema.safeParse(json);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const detail = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`.replace(/^: /, "");
    throw notManagementApi(this.#attempt(call), detail);
  }

  /** A success; only reading calls are tried again. */
  async send(call: Call): Promise<HttpAnswer> {
    const { method = "GET", signal } = call;
    const end = Date.now() + RETRY_WITHIN_MS;
    try {
      return await pRetry(() => this.#sendOnce(call, method), {
        retries: method === "GET" ? this.#retries : 0,
        minTimeout: 200,
        factor: 2,
        shouldRetry: ({ error }) =>
          error instanceof ManagementError && error.transient && Date.now() < end,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  async #sendOnce(call: Call, method: HttpRequest["method"]): Promise<HttpAnswer> {
    const url = this.#parsedUrl();
    // Read once; after a failure again, as the operator may have put it right.
    this.#tls ??= readTlsFiles(this.#endpoint.tls);
    const tls = await this.#tls.catch((error) => {
      this.#tls = undefined;
      throw error;
    });
    const target = {
      url,
      username: this.username,
      password: this.#endpoint.management_password.reveal(),
      tls,
    };
    let answer: HttpAnswer;
    try {
      answer = await sendRequest(target, {
        method,
        path: `${url.pathname.replace(/\/+$/, "")}/api/${call.path}`,
        timeoutMs: call.timeoutMs ?? this.timeoutMs,
        signal: call.signal,
        ...(call.body === undefined ? {} : { body: call.body }),
      });
    } catch (error) {
      call.signal?.throwIfAborted();
      throw requestError(error, this.#attempt(call));
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw statusError(answer, this.#attempt(call));
  }

  #parsedUrl(): URL {
    const url = URL.parse(this.url);
    if (url !== null && /^https?:$/.test(url.protocol)) return url;
    throw new AppError("config", "Cannot reach the management API: management_url is no URL", {
      hint: "It looks like http://host:15672 or https://host:15671",
    });
  }

  #attempt({ action }: Call): Attempt {
    return { action, url: this.url, username: this.username };
  }
}
