import { type Finding, Findings } from "../../src/engine/doctor/findings.ts";
import { probeStorage } from "../../src/engine/doctor/storage_probe.ts";
import { storeConfig } from "./storages.ts";

/** What `doctor` finds of a storage; the statuses by check, of several the worst. */
export async function examineStorage(
  keys: Record<string, unknown>,
  { writes }: { writes: boolean },
): Promise<{ statuses: Record<string, string>; findings: Finding[]; isReadable: boolean }> {
  const findings = new Findings();
  const isReadable = await probeStorage(findings.of("storage"), storeConfig(keys), {
    writes,
    signal: new AbortController().signal,
  });
  const statuses: Record<string, string> = {};
  for (const { check, status } of findings.all) {
    if (statuses[check] !== "failed") statuses[check] = status;
  }
  return { statuses, findings: findings.all, isReadable };
}
