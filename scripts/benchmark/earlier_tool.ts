/**
 * The tool that this one follows (Rust, core 0.2.0, release build), measured by this project on a
 * 2-core machine with RabbitMQ 4.0.5 on the same cores: 200,000 messages of 1 KiB, JSON-like text,
 * 3 headers, a classic queue, a filesystem; each beside a bare amqplib client on Deno. Its seconds
 * are of that machine, so CPU is compared by how often each takes that of its own bare client.
 */
export const EARLIER_TOOL = {
  messages: 200_000,
  backup: {
    wallSeconds: [19.9, 22.3],
    cpuSeconds: [8.3, 9.0],
    floorCpuSeconds: [2.0, 2.3],
    peakMemoryBytes: 200e6,
    storedBytes: 78.8e6,
  },
  restore: {
    wallSeconds: [22.6, 22.8],
    cpuSeconds: [8.7, 8.7],
    floorCpuSeconds: [4.0, 4.0],
    peakMemoryBytes: 279e6,
  },
} as const;

/** What this tool is to reach; the last two are shares of what the earlier one takes. */
export const GOALS = {
  wallOfFloor: { backup: 1.25, restore: 1.15 },
  wallOfFloorOfStream: { backup: 1.2, restore: 1.25 },
  /** Bytes over the wire of a backup of 1 % new messages, of those of the whole. */
  incrementalShare: 0.015,
  holdOfFloor: 1.15,
  peakMemoryBytes: 200e6,
  cpuOfEarlier: 0.6,
  storedOfEarlier: 0.6,
} as const;
