import { join } from "node:path";
import type { BrokerDescription } from "./broker.ts";
import { cacheDir, withLock } from "./cache.ts";
import { type BrokerPorts, choosePorts } from "./ports.ts";
import { isRunning, markOf, type ProcessMark } from "./process.ts";
import { type BrokerVersion, ignoreMissing } from "./roots.ts";

/** What is recorded of a broker that a script started, in `<cache>/instances/<id>/instance.json`. */
export interface InstanceRecord {
  readonly id: string;
  readonly version: BrokerVersion;
  readonly way: "debian" | "docker";
  readonly ports: BrokerPorts;
  /** The folder whose scripts started it. */
  readonly checkout: string;
  /** The process that will stop it; null when `scripts/brokers down` will. */
  readonly owner: ProcessMark | null;
  /** There once the broker has answered. */
  readonly description?: BrokerDescription;
}

export function instancesDir(): string {
  return join(cacheDir(), "instances");
}

/** The root of the checkout that these scripts belong to. */
export function checkoutDir(): string {
  return join(import.meta.dirname ?? Deno.cwd(), "..", "..");
}

/** Makes the folder of a new instance, with ports that no other has, but for `epmd` if it is given. */
export async function newInstance(
  version: BrokerVersion,
  options: { way: "debian" | "docker"; owned: boolean; epmd?: number | undefined },
): Promise<InstanceRecord> {
  return await withLock("instances", async () => {
    const taken = (await listInstances()).flatMap((one) => Object.values(one.ports) as number[]);
    const random = crypto.randomUUID().slice(0, 8);
    const ports = choosePorts(new Set(taken));
    const record: InstanceRecord = {
      id: `${version.replace(".", "_")}-${random}`,
      version,
      way: options.way,
      ports: { ...ports, epmd: options.epmd ?? ports.epmd },
      checkout: checkoutDir(),
      owner: options.owned ? markOf(Deno.pid) ?? null : null,
    };
    await Deno.mkdir(join(instancesDir(), record.id), { recursive: true });
    await saveInstance(record);
    return record;
  });
}

export async function saveInstance(record: InstanceRecord): Promise<void> {
  const path = join(instancesDir(), record.id, "instance.json");
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(record, null, 2));
  await Deno.rename(`${path}.new`, path);
}

export async function listInstances(): Promise<InstanceRecord[]> {
  const found: InstanceRecord[] = [];
  for (const id of await namesIn(instancesDir())) {
    try {
      const text = await Deno.readTextFile(join(instancesDir(), id, "instance.json"));
      found.push(JSON.parse(text) as InstanceRecord);
    } catch (error) {
      ignoreMissing(error); // stopped meanwhile
    }
  }
  return found.sort((a, b) => a.id < b.id ? -1 : 1);
}

async function namesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(dir)) names.push(entry.name);
  } catch (error) {
    ignoreMissing(error);
  }
  return names;
}

/** Whether the process that was to stop this instance has ended without doing so. */
export function isOrphan(record: InstanceRecord): boolean {
  return record.owner !== null && !isRunning(record.owner);
}
