import { type Config, requireSource } from "../../config/config.ts";
import { isPlainName } from "../../config/name_pattern.ts";
import { type DiscoveredQueue, discoverQueues } from "../survey/discover.ts";
import { atLeast } from "../../safety/settings.ts";
import { checkBroker } from "./broker.ts";
import type { AreaFindings } from "./findings.ts";
import { managementNeeds } from "./needs.ts";
import { checkRights, type WantedRights } from "./rights.ts";
import { checkStreamRead } from "./stream_port.ts";

/**
 * Looks at the broker that is to be backed up. Returns the bytes of bodies in its largest queue, where
 * they are known.
 */
export async function examineSource(
  findings: AreaFindings,
  { config, signal }: { config: Config; signal: AbortSignal },
): Promise<number | undefined> {
  const endpoint = requireSource(config);
  const { client, version, isConnected } = await checkBroker(findings, {
    endpoint,
    needs: managementNeeds(config, "backup"),
    publishes: false,
    vhost: firstVhost(endpoint.queues.vhosts),
    signal,
  });
  if (client === undefined || version === undefined) return undefined;
  const queues = await findings.attempt("queues", async () => {
    const found = await discoverQueues(client, endpoint.queues, { signal });
    tellChoice(findings, found);
    return found.queues;
  });
  if (queues === undefined || !isConnected) return undefined;
  await checkRights(findings, wantedRights(queues, version), { endpoint, client, signal });
  const stream = queues.find(({ type }) => type === "stream");
  if (stream !== undefined && config.backup.stream_enabled) {
    await checkStreamRead(findings, stream, { config, version, signal });
  }
  const sizes = queues.map(({ messageBytes }) => messageBytes ?? 0);
  return sizes.length === 0 ? undefined : Math.max(...sizes);
}

/** One that the user surely wants to read: named, or the default. */
export function firstVhost(patterns: readonly string[]): string {
  return patterns.find(isPlainName) ?? "/";
}

function tellChoice(
  findings: AreaFindings,
  found: Awaited<ReturnType<typeof discoverQueues>>,
): void {
  const vhosts = new Set(found.queues.map(({ vhost }) => vhost));
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const of = `${count(found.queues.length, "queue")} in ${count(vhosts.size, "vhost")}`;
  if (found.queues.length > 0) findings.ok("queues", `The choice takes ${of}`);
  else {findings.warn(
      "queues",
      "The choice takes no queue",
      "See source.queues in the configuration",
    );}
  const unmatched = [...found.unmatched, ...found.unmatchedVhosts];
  if (unmatched.length > 0) {
    const hint = "Correct the pattern, or take it out";
    findings.warn("queues", `Nothing matches ${unmatched.join(", ")}`, hint);
  }
  if (found.closedVhosts.length > 0) {
    findings.warn(
      "vhost",
      `The user may not list the queues of ${found.closedVhosts.join(", ")}: they are left out`,
      "Give it permissions there, or name the vhosts that are wanted in source.queues.vhosts",
    );
  }
}

function wantedRights(queues: readonly DiscoveredQueue[], version: string): WantedRights[] {
  // A passive declare of another's exclusive queue is refused; such are left out anyway.
  const read = queues.filter(({ exclusive, name }) => !exclusive && !/[\r\n]/.test(name));
  return [...Map.groupBy(read, ({ vhost }) => vhost)].map(([vhost, ofVhost]) => {
    // From 4.3 on, reading costs no delivery attempt.
    const isCharged = !atLeast(version, 4, 3) && ofVhost.some(({ type }) => type === "quorum");
    return {
      vhost,
      queues: ofVhost.map(({ name }) => name),
      read: true,
      configure: false,
      impersonate: false,
      publish: isCharged
        ? {
          purpose: "quorum queues with a delivery limit are refused, as a message whose attempts " +
            "are used up could not be put back",
          isVital: false,
        }
        : undefined,
    };
  });
}
