import type { Sample } from "./arena.ts";
import { EARLIER_TOOL, GOALS } from "./earlier_tool.ts";
import type { QueueType } from "./options.ts";

export type Operation = "backup" | "restore";

/** What one operation and its floor took on one queue type, run by run. */
export interface Contest {
  readonly queueType: QueueType | "stream, large chunks";
  readonly operation: Operation;
  readonly floor: readonly Sample[];
  readonly ours: readonly Sample[];
  /** Streams: bytes over the wire of a backup of 1 % new messages, of those of all. */
  readonly incrementalShare?: number;
}

/** Middle and extremes of the runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figures {
  readonly wallSeconds: Spread;
  readonly returnedSeconds?: Spread;
  readonly holdSeconds?: Spread;
  readonly cpuSeconds: Spread;
  readonly peakMemoryBytes?: Spread;
  readonly storedBytes?: Spread;
  readonly brokerCpuSeconds?: Spread;
  readonly otherCores?: Spread;
}

export interface Goal {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly met: boolean;
  /** How the value came to be, or why it is only a hint. */
  readonly note?: string;
}

export interface ContestResult {
  readonly queueType: QueueType | "stream, large chunks";
  readonly operation: Operation;
  readonly floor: Figures;
  readonly ours: Figures;
  /** Ours to the floor, medians. */
  readonly wallRatio: number;
  /** Backup only: to the floor that has given its messages back. */
  readonly wallRatioReturned?: number;
  /** Backup only: how long the messages were held, to the floor. */
  readonly holdRatio?: number;
  readonly cpuRatio: number;
  readonly goals: readonly Goal[];
}

/** What the earlier tool's format takes for the same messages; undefined when not measured. */
export interface Reference {
  readonly storedBytes: number;
}

interface Context {
  readonly messages: number;
  readonly reference: Reference | undefined;
}

export function summarize(contest: Contest, context: Context): ContestResult {
  const { queueType, operation } = contest;
  const floor = figures(contest.floor);
  const ours = figures(contest.ours);
  const result = {
    queueType,
    operation,
    floor,
    ours,
    wallRatio: ours.wallSeconds.median / floor.wallSeconds.median,
    ...(floor.returnedSeconds === undefined
      ? {}
      : { wallRatioReturned: ours.wallSeconds.median / floor.returnedSeconds.median }),
    ...(ours.holdSeconds === undefined
      ? {}
      : { holdRatio: ours.holdSeconds.median / floor.wallSeconds.median }),
    cpuRatio: ours.cpuSeconds.median / floor.cpuSeconds.median,
  };
  return { ...result, goals: goals(contest, { ...result, ...context }) };
}

function goals(contest: Contest, found: Omit<ContestResult, "goals"> & Context): Goal[] {
  const { operation, queueType, incrementalShare } = contest;
  const { ours, wallRatio, holdRatio } = found;
  const limits = queueType === "stream" ? GOALS.wallOfFloorOfStream : GOALS.wallOfFloor;
  // Large chunks come as fast as memory is copied: there it is packing that takes the time.
  const list = queueType === "stream, large chunks"
    ? []
    : [goal("wall / floor", wallRatio, { limit: limits[operation] })];
  if (holdRatio !== undefined) {
    list.push(goal("hold / floor", holdRatio, { limit: GOALS.holdOfFloor }));
  }
  if (ours.peakMemoryBytes !== undefined) {
    const limit = GOALS.peakMemoryBytes / 1e6;
    list.push(goal("peak memory, MB", ours.peakMemoryBytes.max / 1e6, { limit }));
  }
  // There is no figure of the earlier tool for quorum queues as deep: it fails on them.
  if (queueType === "classic") list.push(cpuGoal(operation, found));
  if (incrementalShare !== undefined) {
    list.push(goal("bytes of 1 % new", incrementalShare, { limit: GOALS.incrementalShare }));
  }
  if (queueType.startsWith("stream")) return list;
  if (ours.storedBytes !== undefined) list.push(storedGoal(ours.storedBytes.median, found));
  return list;
}

function cpuGoal(
  operation: Operation,
  found: { ours: Figures; cpuRatio: number; messages: number },
): Goal {
  const earlier = EARLIER_TOOL[operation];
  const middle = ([low, high]: readonly [number, number]) => (low + high) / 2;
  const there = middle(earlier.cpuSeconds);
  const scaled = there * found.messages / EARLIER_TOOL.messages;
  const absolute = found.ours.cpuSeconds.median / scaled;
  const timesFloor = there / middle(earlier.floorCpuSeconds);
  return goal("CPU / earlier tool", found.cpuRatio / timesFloor, {
    limit: GOALS.cpuOfEarlier,
    note: `as multiples of the bare client: ${found.cpuRatio.toFixed(2)} here, ` +
      `${timesFloor.toFixed(2)} there; in seconds of two machines ${absolute.toFixed(2)}`,
  });
}

function storedGoal(storedBytes: number, { messages, reference }: Context): Goal {
  const byConstant = EARLIER_TOOL.backup.storedBytes * messages / EARLIER_TOOL.messages;
  return goal("stored / earlier tool", storedBytes / (reference?.storedBytes ?? byConstant), {
    limit: GOALS.storedOfEarlier,
    note: reference === undefined
      ? "the earlier tool's size is that of a like mix"
      : "the same messages in the earlier tool's format",
  });
}

function goal(name: string, value: number, rest: { limit: number; note?: string }): Goal {
  return { name, value, met: value <= rest.limit, ...rest };
}

function figures(samples: readonly Sample[]): Figures {
  const of = (key: keyof Sample) => spread(samples.map((sample) => sample[key]));
  const returnedSeconds = of("returnedSeconds");
  const holdSeconds = of("holdSeconds");
  const peakMemoryBytes = of("peakMemoryBytes");
  const storedBytes = of("storedBytes");
  const brokerCpuSeconds = of("brokerCpuSeconds");
  const otherCores = of("otherCores");
  return {
    wallSeconds: required(of("wallSeconds")),
    cpuSeconds: required(of("cpuSeconds")),
    ...(returnedSeconds === undefined ? {} : { returnedSeconds }),
    ...(holdSeconds === undefined ? {} : { holdSeconds }),
    ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }),
    ...(storedBytes === undefined ? {} : { storedBytes }),
    ...(brokerCpuSeconds === undefined ? {} : { brokerCpuSeconds }),
    ...(otherCores === undefined ? {} : { otherCores }),
  };
}

/** Middle and extremes; undefined when a run lacks the figure. */
export function spread(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined || sorted.length < values.length) return undefined;
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? min) + (sorted[Math.ceil(middle)] ?? min)) / 2;
  return { median, min, max };
}

function required(found: Spread | undefined): Spread {
  if (found === undefined) throw new Error("Cannot summarize: there are no runs");
  return found;
}
