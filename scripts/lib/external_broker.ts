import type { Broker, BrokerDescription } from "./broker.ts";
import { BrokerBase } from "./broker_base.ts";
import { askVersion } from "./readiness.ts";
import type { BrokerVersion } from "./roots.ts";

/** The environment variable that names the broker of a version. */
export function variableOf(version: BrokerVersion): string {
  return `RABBITMQ_BACKUP_TEST_${version.replace(".", "_")}`;
}

/** A broker that somebody else runs: it can be talked to, not stopped, killed or suspended. */
export class ExternalBroker extends BrokerBase {
  override get pid(): number {
    throw this.#notOurs("tell the process id of");
  }
  override log(): Promise<string> {
    return Promise.resolve("(the log of a broker named in the environment is not known)");
  }
  override rabbitmqctl(): Promise<string> {
    return Promise.reject(this.#notOurs("run rabbitmqctl for"));
  }
  override shareFile(): Promise<string> {
    return Promise.reject(this.#notOurs("share a file with"));
  }
  override suspend(): Promise<void> {
    return Promise.reject(this.#notOurs("suspend"));
  }
  override resume(): Promise<void> {
    return Promise.reject(this.#notOurs("resume"));
  }
  override kill(): Promise<void> {
    return Promise.reject(this.#notOurs("kill"));
  }
  override restart(): Promise<void> {
    return Promise.reject(this.#notOurs("restart"));
  }
  override stop(): Promise<void> {
    return Promise.resolve(); // it stays as it was found
  }

  #notOurs(action: string): Error {
    return new Error(`Cannot ${action} the broker of ${this.id}: it was not started here`);
  }
}

/** The broker that the environment names for a version, once it has answered. */
export async function externalBroker(version: BrokerVersion): Promise<Broker> {
  const variable = variableOf(version);
  const description = parseExternal(version, Deno.env.get(variable) ?? "");
  try {
    return new ExternalBroker({ ...description, fullVersion: await askVersion(description) });
  } catch (error) {
    const cause = error instanceof Error ? error.message : `${error}`;
    throw new Error(`Cannot use the broker of ${variable}: ${cause}`, { cause: error });
  }
}

/**
 * Reads `amqpUrl,managementUrl`, or JSON with these two and any other field of
 * {@linkcode BrokerDescription}. What is not said is derived where it can be, or empty.
 */
export function parseExternal(version: BrokerVersion, value: string): BrokerDescription {
  const variable = variableOf(version);
  const said = value.trim().startsWith("{") ? fromJson(value, variable) : fromPair(value);
  if (!said.amqpUrl || !said.managementUrl) {
    throw new Error(`Cannot read ${variable}: it is neither 'amqpUrl,managementUrl' nor such JSON`);
  }
  const amqp = new URL(said.amqpUrl);
  return {
    fullVersion: "",
    amqpsUrl: "",
    managementTlsUrl: "",
    username: decodeURIComponent(amqp.username) || "guest",
    password: decodeURIComponent(amqp.password) || "guest",
    streamPort: 5552,
    tls: { caCert: "", clientCert: "", clientKey: "", wrongCaCert: "" },
    ...said,
    amqpUrl: said.amqpUrl.replace(/\/$/, ""),
    managementUrl: said.managementUrl.replace(/\/$/, ""),
    way: "environment",
    id: variable,
    version,
  };
}

function fromJson(value: string, variable: string): Partial<BrokerDescription> {
  try {
    return JSON.parse(value) as Partial<BrokerDescription>;
  } catch {
    throw new Error(`Cannot read ${variable}: it is not valid JSON`); // the text may hold a password
  }
}

function fromPair(value: string): Partial<BrokerDescription> {
  const [amqpUrl = "", managementUrl = ""] = value.split(",").map((part) => part.trim());
  return { amqpUrl, managementUrl };
}
