import { messageOf } from "../errors.ts";
import type { BrokerEndpoint, TlsOptions } from "./config.ts";
import { type ConfigPath, pathText } from "./problem.ts";
import { attempt, expandHome, type ResolveContext } from "./resolve_context.ts";
import type { ConfigFile } from "./schema.ts";
import { bracketed, Secret, SecretUrl } from "./secret.ts";

type EndpointFile = NonNullable<ConfigFile["target"]>;
type Management = Pick<
  BrokerEndpoint,
  "management_url" | "management_username" | "management_password"
>;

/** Turns `source` or `target` into an endpoint; `undefined` when it names no broker. */
export async function resolveEndpoint(
  section: "source" | "target",
  file: EndpointFile | undefined,
  context: ResolveContext,
): Promise<BrokerEndpoint | undefined> {
  if (file === undefined) return undefined;
  const resolver = new EndpointResolver(section, file, context);
  return await resolver.resolve();
}

class EndpointResolver {
  readonly #section: "source" | "target";
  readonly #file: EndpointFile;
  readonly #context: ResolveContext;

  constructor(section: "source" | "target", file: EndpointFile, context: ResolveContext) {
    this.#section = section;
    this.#file = file;
    this.#context = context;
  }

  async resolve(): Promise<BrokerEndpoint | undefined> {
    const text = await this.#valueOrFile("amqp_url");
    const password = await this.#valueOrFile("management_password");
    if (text === undefined) return undefined;
    const written = attempt(this.#path("amqp_url"), this.#context, () => new SecretUrl(text));
    if (written === undefined) return undefined;
    const tls = this.#tls(written);
    const url = tls.enabled ? written.withTls() : written;
    const management = this.#management(url, password);
    if (management === undefined) return undefined;
    return {
      amqp_url: url,
      ...management,
      stream_port: this.#file.stream_port ?? (tls.enabled ? 5551 : 5552),
      stream_advertised_hosts: this.#file.stream_advertised_hosts,
      tls,
    };
  }

  /** A text that is written here or in a file of its own, but not both. */
  async #valueOrFile(key: "amqp_url" | "management_password"): Promise<string | undefined> {
    const value = this.#file[key];
    const file = this.#file[`${key}_file`];
    if (file === undefined) return value;
    const path = this.#path(`${key}_file`);
    if (value !== undefined) return this.#report(path, `give either this or ${key}, not both`);
    try {
      const text = await Deno.readTextFile(expandHome(file, this.#context.env));
      const trimmed = text.replace(/\r?\n$/, "");
      return trimmed === "" ? this.#report(path, "the file is empty") : trimmed;
    } catch (error) {
      return this.#report(path, `the file cannot be read: ${messageOf(error)}`);
    }
  }

  #tls(url: SecretUrl): TlsOptions {
    const { enabled, ...files } = this.#file.tls ?? {};
    const given = Object.entries(files).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const]
    );
    if (enabled === false && url.secure) {
      this.#report(this.#path("tls", "enabled"), "is false, but amqp_url begins with amqps://");
    }
    if (enabled === undefined && !url.secure && given.length > 0) {
      this.#report(
        this.#path("tls"),
        "has files for TLS, but amqp_url does not begin with amqps://",
      );
    }
    if ((files.client_cert === undefined) !== (files.client_key === undefined)) {
      this.#report(this.#path("tls"), "client_cert and client_key belong together; one is missing");
    }
    const expanded = given.map(([key, value]) => [
      key,
      key === "server_name" ? value : expandHome(value, this.#context.env),
    ]);
    return { enabled: enabled ?? url.secure, ...Object.fromEntries(expanded) };
  }

  #management(url: SecretUrl, password: string | undefined): Management | undefined {
    const text = this.#file.management_url ?? defaultManagementUrl(url);
    const login = this.#managementUrl(text);
    if (login === undefined) return undefined;
    const username = this.#file.management_username ?? (login.username || url.username);
    const given = password ?? (login.password || undefined);
    if (given === undefined && username !== url.username) {
      this.#report(
        this.#path("management_username"),
        "is not the user of amqp_url, so management_password is needed",
      );
    }
    return {
      management_url: login.url,
      management_username: username,
      management_password: given === undefined
        ? url.password ?? new Secret("guest")
        : new Secret(given),
    };
  }

  /** The URL without its credentials, and these apart. */
  #managementUrl(text: string) {
    const path = this.#path("management_url");
    let url: URL;
    try {
      url = new URL(text.trim());
    } catch {
      return this.#report(path, "expected a URL such as http://host:15672");
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      return this.#report(path, "expected a URL that begins with http:// or https://");
    }
    if (url.search !== "" || url.hash !== "") return this.#report(path, "must not hold '?' or '#'");
    try {
      const username = decodeURIComponent(url.username);
      const password = decodeURIComponent(url.password);
      url.username = url.password = "";
      // Many write the address of the API itself, to which requests add /api.
      return { url: url.href.replace(/\/+(api\/*)?$/, ""), username, password };
    } catch {
      return this.#report(path, "a '%' in it is not followed by two hexadecimal digits");
    }
  }

  #path(...keys: string[]): ConfigPath {
    return [this.#section, ...keys];
  }

  #report(path: ConfigPath, text: string): undefined {
    this.#context.report(path, `${pathText(path)}: ${text}`);
  }
}

function defaultManagementUrl(url: SecretUrl): string {
  const host = bracketed(url.hostname);
  return url.secure ? `https://${host}:15671` : `http://${host}:15672`;
}
