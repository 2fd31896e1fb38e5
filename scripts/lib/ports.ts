/** The TCP ports of one broker, all on 127.0.0.1. */
export interface BrokerPorts {
  readonly amqp: number;
  readonly amqps: number;
  readonly management: number;
  readonly managementTls: number;
  readonly stream: number;
  /** Erlang distribution and its name server; only brokers in Debian roots show them. */
  readonly dist: number;
  readonly epmd: number;
}

const NAMES = ["amqp", "amqps", "management", "managementTls", "stream", "dist", "epmd"] as const;

/** Below the range from which Linux takes ports of outgoing connections, so a restart finds them free. */
const LOWEST = 15000;
const HIGHEST = 32000;

/** Chooses free ports that are not in `taken` (those of brokers that are down for the moment). */
export function choosePorts(taken: ReadonlySet<number>): BrokerPorts {
  const held: Deno.Listener[] = [];
  const ports = new Map<string, number>();
  try {
    for (const name of NAMES) {
      const listener = listenSomewhere(taken);
      held.push(listener);
      ports.set(name, (listener.addr as Deno.NetAddr).port);
    }
  } finally {
    for (const listener of held) listener.close();
  }
  return Object.fromEntries(ports) as unknown as BrokerPorts;
}

/** So many free ports. */
export function chooseFreePorts(count: number): number[] {
  const held = Array.from({ length: count }, () => listenSomewhere(new Set()));
  try {
    return held.map(({ addr }) => (addr as Deno.NetAddr).port);
  } finally {
    for (const listener of held) listener.close();
  }
}

function listenSomewhere(taken: ReadonlySet<number>): Deno.Listener {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (taken.has(port)) continue;
    try {
      return Deno.listen({ hostname: "127.0.0.1", port });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`Cannot choose a port: none of 1000 tried in ${LOWEST}..${HIGHEST} is free`);
}
