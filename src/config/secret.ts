import { AppError } from "../errors.ts";

const MASK = "***";
const NODE_INSPECT = Symbol.for("nodejs.util.inspect.custom");
const DENO_INSPECT = Symbol.for("Deno.customInspect");

/**
 * A text that nothing prints: string conversion, JSON and inspection all give `***`.
 * Only {@linkcode Secret.reveal} returns it, where it goes onto the wire.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [NODE_INSPECT](): string {
    return MASK;
  }

  [DENO_INSPECT](): string {
    return MASK;
  }
}

const PORTS: Record<string, number> = { "amqp:": 5672, "amqps:": 5671 };
const FORM = "amqp://user:password@host:5672 (or amqps:// with TLS)";
const ENCODING_HINT = "percent-encode special characters in user name and password: " +
  "@ is %40, / is %2F, # is %23, ? is %3F, % is %25";

/**
 * An AMQP URL (https://www.rabbitmq.com/docs/uri-spec). Everything that prints it shows
 * {@linkcode SecretUrl.masked}; the password is reachable through `reveal` and `password` only.
 *
 * Throws an {@linkcode AppError} with code `config`, which never repeats the text, when it is no such URL.
 */
export class SecretUrl {
  readonly #text: string;
  /** Whether the scheme is `amqps`. */
  readonly secure: boolean;
  /** Host name or address; an IPv6 address without brackets. */
  readonly hostname: string;
  /** As given, else 5672, or 5671 with `amqps`. */
  readonly port: number;
  /** Decoded; `guest` when the URL names none. */
  readonly username: string;
  /** Decoded; absent when the URL holds none. */
  readonly password: Secret | undefined;
  /** Decoded; `/` when the URL names none. */
  readonly vhost: string;
  /** The URL without password and without query, for messages. */
  readonly masked: string;

  constructor(text: string) {
    const url = parseUrl(text);
    const user = decode(url.username);
    const password = decode(url.password);
    this.#text = text.trim();
    this.secure = url.protocol === "amqps:";
    this.hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
    this.port = url.port === "" ? PORTS[url.protocol]! : Number(url.port);
    this.username = user === "" ? "guest" : user;
    this.password = url.password === "" ? undefined : new Secret(password);
    this.vhost = decode(url.pathname.slice(1)) || "/";
    this.masked = maskedForm(url);
  }

  reveal(): string {
    return this.#text;
  }

  /** The same URL with `amqps` in place of `amqp`; a port that is not written becomes 5671. */
  withTls(): SecretUrl {
    return this.secure ? this : new SecretUrl(this.#text.replace(/^amqp:/i, "amqps:"));
  }

  /** `host:port`, brackets around an IPv6 address. */
  get address(): string {
    return `${bracketed(this.hostname)}:${this.port}`;
  }

  toString(): string {
    return this.masked;
  }

  toJSON(): string {
    return this.masked;
  }

  [NODE_INSPECT](): string {
    return this.masked;
  }

  [DENO_INSPECT](): string {
    return this.masked;
  }
}

/** A host name as a URL wants it: an IPv6 address in brackets. */
export function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    // No cause: the error of URL repeats its input, password included.
    throw notAnAmqpUrl(`it is not a URL like ${FORM}`);
  }
  if (PORTS[url.protocol] === undefined) {
    throw notAnAmqpUrl(`it does not start with amqp:// or amqps://, as in ${FORM}`);
  }
  if (url.hostname === "") throw notAnAmqpUrl(`it names no host, as in ${FORM}`);
  if (url.hash !== "") throw notAnAmqpUrl("it holds a '#' that is not written as %23");
  if (url.pathname.slice(1).includes("/")) {
    throw notAnAmqpUrl("its virtual host holds a '/' that is not written as %2F");
  }
  return url;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw notAnAmqpUrl("a '%' in it is not followed by two hexadecimal digits");
  }
}

function maskedForm(url: URL): string {
  const user = url.username === "" ? "" : url.username;
  const login = url.password === "" ? user : `${user}:${MASK}`;
  return `${url.protocol}//${login === "" ? "" : `${login}@`}${url.host}${url.pathname}`;
}

function notAnAmqpUrl(problem: string): AppError {
  return new AppError("config", `Cannot read the AMQP URL: ${problem}`, { hint: ENCODING_HINT });
}
