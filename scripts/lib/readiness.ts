import { sleep } from "./process.ts";

/** A broker is given this long to answer after its start. */
const READY_WITHIN_MS = 120_000;

export interface ReadyProbe {
  readonly amqpPort: number;
  /** Other ports that must accept connections. */
  readonly otherPorts: readonly number[];
  readonly managementUrl: string;
  readonly username: string;
  readonly password: string;
  /** Why it will never answer, such as "it ended"; undefined while there is hope. */
  hopeless(): Promise<string | undefined>;
  log(): Promise<string>;
}

/** Asks until the broker answers on all its ports; gives the version that it tells. */
export async function waitUntilReady(name: string, probe: ReadyProbe): Promise<string> {
  const end = Date.now() + READY_WITHIN_MS;
  while (true) {
    try {
      await greetAmqp(probe.amqpPort);
      const version = await askVersion(probe);
      for (const port of probe.otherPorts) (await connect(port)).close();
      return version;
    } catch (error) {
      const reason = Date.now() > end
        ? `no answer within ${READY_WITHIN_MS / 1000} s (${error})`
        : await probe.hopeless();
      if (reason !== undefined) {
        const tail = (await probe.log()).trimEnd().split("\n").slice(-30).join("\n");
        throw new Error(`Cannot start ${name}: ${reason}. The end of its log:\n${tail}`);
      }
      await sleep(200);
    }
  }
}

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Sends the protocol header and waits for connection.start (AMQP 0-9-1 section 4.2.2). */
async function greetAmqp(port: number): Promise<void> {
  using connection = await connect(port);
  await connection.write(new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]));
  const timer = setTimeout(() => connection.close(), 2000);
  try {
    const first = new Uint8Array(1);
    await connection.read(first);
    if (first[0] !== 1) throw new Error("the AMQP port gave no method frame");
  } finally {
    clearTimeout(timer);
  }
}

/** Asks the management API for the broker's version. */
export async function askVersion(
  api: { managementUrl: string; username: string; password: string },
): Promise<string> {
  const response = await fetch(`${api.managementUrl}/api/overview`, {
    headers: { authorization: `Basic ${btoa(`${api.username}:${api.password}`)}` },
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the management API answered ${response.status}`);
  }
  const overview = await response.json() as { rabbitmq_version: string };
  return overview.rabbitmq_version;
}
