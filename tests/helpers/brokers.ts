import { attachBroker, type Broker, type BrokerDescription } from "../../scripts/lib/broker.ts";

export { type Broker, type BrokerVersion, startBroker } from "../../scripts/lib/broker.ts";

/** Names the file in which `scripts/test` describes the brokers it has started. */
export const BROKERS_VARIABLE = "RABBITMQ_BACKUP_TEST_BROKERS";

/** The brokers of this test run, one of each version. They are shared: use a vhost of your own. */
export function brokers(): Broker[] {
  const path = Deno.env.get(BROKERS_VARIABLE);
  if (!path) throw new Error("run scripts/test");
  return (JSON.parse(Deno.readTextFileSync(path)) as BrokerDescription[]).map(attachBroker);
}

/** Registers a test once for each broker of this run. */
export function testOnEach(
  name: string,
  body: (broker: Broker, context: Deno.TestContext) => Promise<void>,
): void {
  for (const broker of brokers()) {
    Deno.test(`${name} (RabbitMQ ${broker.version})`, (context) => body(broker, context));
  }
}
