import { join } from "node:path";
import { stringify } from "yaml";
import { renderTable } from "../../src/console/text/table.ts";
import {
  LARGE_CLUSTER,
  largeCluster,
  removeLargeCluster,
} from "../../tests/helpers/large_cluster.ts";
import type { BrokerAddress } from "../../tests/helpers/queues.ts";
import { management } from "../../tests/helpers/queues.ts";
import { checkoutDir } from "../lib/instances.ts";
import { print, say } from "../lib/output.ts";
import { measure } from "./process_meter.ts";
import { type Spread, spread } from "./results.ts";

const TIMEOUT_MS = 300_000;

/** Where it takes place. */
export interface DefinitionsPlace {
  readonly broker: BrokerAddress & { readonly fullVersion: string };
  readonly brokerPid: number | undefined;
  readonly folder: string;
  readonly runs: number;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

const STEPS = {
  bare: "bare import: one request, not verified",
  import: "definitions-import into nothing",
  export: "definitions-export",
  diff: "definitions-diff of a file and the broker",
  again: "definitions-import with nothing to do",
} as const;
type Step = keyof typeof STEPS;

/** The definitions of a large cluster: in, out, compared, in again; beside the broker's own import. */
export async function benchDefinitions(place: DefinitionsPlace): Promise<void> {
  const seconds: Record<Step, number[]> = { bare: [], import: [], export: [], diff: [], again: [] };
  for (let run = 1; run <= place.runs; run++) {
    say(`definitions, run ${run} of ${place.runs}`);
    for (const [step, value] of Object.entries(await oneRun(place))) {
      seconds[step as Step].push(value);
    }
  }
  const spreads = Object.entries(seconds).map(([step, values]) =>
    [step as Step, spread(values)!] as const
  );
  if (place.json) {
    const { fullVersion: rabbitmq } = place.broker;
    print(JSON.stringify({ rabbitmq, cluster: LARGE_CLUSTER, ...Object.fromEntries(spreads) }));
  } else {
    render(place, spreads).forEach(print);
  }
}

async function oneRun(place: DefinitionsPlace): Promise<Record<Step, number>> {
  const { broker, folder } = place;
  const id = crypto.randomUUID().slice(0, 8);
  const [bareVhost, vhost] = [`bench-bare-${id}`, `bench-${id}`];
  const config = await writeConfig(place);
  const wanted = join(folder, "wanted.json");
  await Deno.writeTextFile(wanted, JSON.stringify(largeCluster(vhost)));
  const select = ["--select-vhost", vhost, "--select-users"];
  try {
    const startedAt = performance.now();
    await management(broker, "definitions", { method: "POST", body: largeCluster(bareVhost) });
    const bare = (performance.now() - startedAt) / 1000;
    await removeLargeCluster(broker, bareVhost);
    const tool = (args: string[]) => toolSeconds(place, [...args, "--config", config]);
    return {
      bare,
      import: await tool(["definitions-import", "--input", wanted]),
      export: await tool(["definitions-export", ...select, "--output", join(folder, "out.json")]),
      diff: await tool(["definitions-diff", wanted, "target", "--vhost", vhost]),
      again: await tool(["definitions-import", "--input", wanted]),
    };
  } finally {
    await removeLargeCluster(broker, vhost);
  }
}

async function toolSeconds(place: DefinitionsPlace, args: string[]): Promise<number> {
  const { folder, signal, brokerPid } = place;
  const command = [Deno.execPath(), "run", "-A", join(checkoutDir(), "main.ts"), ...args];
  return (await measure(command, { folder, timeoutMs: TIMEOUT_MS, signal, brokerPid })).wallSeconds;
}

async function writeConfig({ broker, folder }: DefinitionsPlace): Promise<string> {
  const path = join(folder, "definitions.yaml");
  const endpoint = { amqp_url: broker.amqpUrl, management_url: broker.managementUrl };
  const restore = { definitions_rollback_dir: join(folder, "rollback") };
  const text = stringify({ source: endpoint, target: endpoint, restore });
  await Deno.writeTextFile(path, text, { mode: 0o600 });
  return path;
}

function render(place: DefinitionsPlace, spreads: readonly (readonly [Step, Spread])[]): string[] {
  const right = "right" as const;
  const bare = spreads.find(([step]) => step === "bare")![1].median;
  const sizes = Object.entries(LARGE_CLUSTER).map(([kind, count]) => `${count} ${kind}`);
  return [
    `${
      sizes.join(", ")
    }; RabbitMQ ${place.broker.fullVersion}, medians of ${place.runs} (fewest to most)`,
    "",
    ...renderTable(
      [{ title: "what" }, { title: "wall, s", align: right }, { title: "/ bare", align: right }],
      spreads.map(([step, { median, min, max }]) => [
        STEPS[step],
        `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`,
        (median / bare).toFixed(2),
      ]),
    ),
  ];
}
