import { renderTable } from "../../src/cli/output/table.ts";
import { EARLIER_TOOL } from "./earlier_tool.ts";
import type { ContestResult, Figures, Goal, Reference, Spread } from "./results.ts";

/** From here on, what other processes take changes the figures. */
const DISTURBED_CORES = 0.3;

/** All that a run of the bench found; printed as text or JSON. */
export interface Report {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly os: string;
    /** One-minute load average before the first and after the last run; others may have worked too. */
    readonly load: readonly number[];
  };
  readonly versions: { readonly deno: string; readonly rabbitmq: string };
  readonly messages: number;
  readonly bodyBytes: number;
  readonly runs: number;
  readonly results: readonly ContestResult[];
  readonly reference: Reference | undefined;
  readonly earlierTool: typeof EARLIER_TOOL;
}

export function renderReport(report: Report): string[] {
  const { machine, versions } = report;
  const lines = [
    `${report.messages} messages of ${report.bodyBytes} bytes, ${report.runs} runs of each, ` +
    `medians (fewest to most) on ${report.date}`,
    `RabbitMQ ${versions.rabbitmq}, Deno ${versions.deno}, ${machine.cores} cores (${machine.cpu}, ` +
    `${machine.os}) shared with the broker; load ${machine.load.map(two).join(" to ")}`,
    "",
    ...resultTable(report.results),
    "",
  ];
  const others = Math.max(...report.results.flatMap(otherCores));
  if (others > DISTURBED_CORES) {
    lines.push(
      `The machine was not quiet: other processes kept up to ${
        two(others)
      } cores busy (medians). ` +
        "Seconds are too long, and their ratios uncertain.",
    );
  }
  if (report.messages < EARLIER_TOOL.messages) {
    lines.push(`The goals are for ${EARLIER_TOOL.messages} messages; with fewer the start weighs.`);
  }
  for (const result of report.results) {
    lines.push(`${result.operation}, ${result.queueType}:`, ...goalLines(result.goals));
    if (result.wallRatioReturned !== undefined) {
      lines.push(
        `           ${two(result.wallRatioReturned)} of the floor that has its messages given back`,
      );
    }
  }
  if (report.reference !== undefined) {
    const bytes = megabytes(report.reference.storedBytes);
    lines.push("", `The same messages in the earlier tool's format: ${bytes} stored.`);
  }
  return lines;
}

function otherCores({ floor, ours }: ContestResult): number[] {
  return [floor.otherCores?.median ?? 0, ours.otherCores?.median ?? 0];
}

function resultTable(results: readonly ContestResult[]): string[] {
  const right = "right" as const;
  return renderTable(
    [
      { title: "queue" },
      { title: "what" },
      { title: "wall, s", align: right },
      { title: "/ floor", align: right },
      { title: "CPU, s", align: right },
      { title: "/ floor", align: right },
      { title: "broker CPU, s", align: right },
      { title: "others, cores", align: right },
      { title: "peak memory", align: right },
      { title: "stored", align: right },
    ],
    results.flatMap((result) => {
      const { queueType, operation } = result;
      const reader = queueType.startsWith("stream") ? "bare chunk reader" : "bare consumer";
      const bare = operation === "backup" ? reader : "bare publisher";
      return [
        row([queueType, bare], result.floor, undefined),
        ...returnedRow(result),
        row([queueType, operation], result.ours, result),
        ...holdRow(result),
      ];
    }),
  );
}

function returnedRow({ queueType, floor }: ContestResult): string[][] {
  const returned = floor.returnedSeconds;
  return returned === undefined ? [] : [[queueType, "  and returned", range(returned)]];
}

function holdRow({ queueType, ours, holdRatio }: ContestResult): string[][] {
  if (ours.holdSeconds === undefined || holdRatio === undefined) return [];
  return [[queueType, "  hold", range(ours.holdSeconds), two(holdRatio)]];
}

function row(
  names: string[],
  figures: Figures,
  ratios: { wallRatio: number; cpuRatio: number } | undefined,
): string[] {
  return [
    ...names,
    range(figures.wallSeconds),
    ratios === undefined ? "" : two(ratios.wallRatio),
    range(figures.cpuSeconds),
    ratios === undefined ? "" : two(ratios.cpuRatio),
    figures.brokerCpuSeconds === undefined ? "unknown" : two(figures.brokerCpuSeconds.median),
    figures.otherCores === undefined ? "unknown" : two(figures.otherCores.median),
    figures.peakMemoryBytes === undefined ? "unknown" : megabytes(figures.peakMemoryBytes.max),
    figures.storedBytes === undefined ? "" : megabytes(figures.storedBytes.median),
  ];
}

function goalLines(goals: readonly Goal[]): string[] {
  return goals.map(({ name, value, limit, met, note }) => {
    const verdict = met ? "  met     " : "  NOT MET ";
    return `${verdict} ${name}: ${two(value)}, at most ${limit}${note ? ` (${note})` : ""}`;
  });
}

function range({ median, min, max }: Spread): string {
  return `${two(median)} (${two(min)}-${two(max)})`;
}

function two(value: number): string {
  return value.toFixed(2);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
