import type { Broker, BrokerDescription } from "./broker.ts";
import type { TlsFiles } from "./certificates.ts";
import type { InstanceRecord } from "./instances.ts";

/** What all brokers share: the facts of their description, each as a property. */
export abstract class BrokerBase implements Broker {
  readonly description: BrokerDescription;

  constructor(description: BrokerDescription) {
    this.description = description;
  }

  get way() {
    return this.description.way;
  }
  get id() {
    return this.description.id;
  }
  get version() {
    return this.description.version;
  }
  get fullVersion() {
    return this.description.fullVersion;
  }
  get amqpUrl() {
    return this.description.amqpUrl;
  }
  get amqpsUrl() {
    return this.description.amqpsUrl;
  }
  get managementUrl() {
    return this.description.managementUrl;
  }
  get managementTlsUrl() {
    return this.description.managementTlsUrl;
  }
  get username() {
    return this.description.username;
  }
  get password() {
    return this.description.password;
  }
  get streamPort() {
    return this.description.streamPort;
  }
  get tls() {
    return this.description.tls;
  }

  abstract get pid(): number;
  abstract log(): Promise<string>;
  abstract rabbitmqctl(...args: string[]): Promise<string>;
  abstract shareFile(name: string, text: string): Promise<string>;
  abstract suspend(): Promise<void>;
  abstract resume(): Promise<void>;
  abstract kill(): Promise<void>;
  abstract restart(): Promise<void>;
  abstract stop(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The description of a broker that a script started on its own ports of 127.0.0.1. */
export function describeInstance(
  instance: InstanceRecord,
  found: { fullVersion: string; tls: TlsFiles },
): BrokerDescription {
  const { ports } = instance;
  return {
    way: instance.way,
    id: instance.id,
    version: instance.version,
    fullVersion: found.fullVersion,
    amqpUrl: `amqp://guest:guest@127.0.0.1:${ports.amqp}`,
    amqpsUrl: `amqps://guest:guest@127.0.0.1:${ports.amqps}`,
    managementUrl: `http://127.0.0.1:${ports.management}`,
    managementTlsUrl: `https://127.0.0.1:${ports.managementTls}`,
    username: "guest",
    password: "guest",
    streamPort: ports.stream,
    tls: found.tls,
  };
}
