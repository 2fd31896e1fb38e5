import { join } from "node:path";
import { removeDebianInstance } from "./debian_broker.ts";
import { removeDockerInstance } from "./docker_broker.ts";
import { type InstanceRecord, instancesDir, isOrphan, listInstances } from "./instances.ts";

/** Ends an instance by its record alone, whether it runs, hangs or died long ago. */
export async function removeInstance(record: InstanceRecord): Promise<void> {
  const dir = join(instancesDir(), record.id);
  if (record.way === "docker") await removeDockerInstance(record.id, dir);
  else await removeDebianInstance(dir);
}

/** Ends the brokers whose owner ended without doing it, such as after a crash. */
export async function sweep(onLog: (line: string) => void): Promise<void> {
  for (const record of (await listInstances()).filter(isOrphan)) {
    onLog(`removing ${record.id}, left by a process that has ended`);
    await removeInstance(record);
  }
}
