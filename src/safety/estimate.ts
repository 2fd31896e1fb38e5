/** What a hold will take, from figures that were measured, on the cautious side. */
import type { QueueFacts } from "./facts.ts";

/** Slower than any broker was seen to deliver on two shared cores: 15,000 messages of 1 KiB a second. */
const MESSAGES_A_SECOND = 5_000;
const BYTES_A_SECOND = 10e6;

/**
 * Bytes of the broker's memory for a held message. Measured with 100,000 messages: classic 0.7 KB
 * (3.10) to 5.7 KB (4.3) at 1 KiB, of which the body; bodies above 4 KiB stay on disk. Quorum queues
 * 1.5 to 3.6 KB.
 */
const MEMORY_OF_MESSAGE = { classic: 5_000, quorum: 4_000 };
const LARGEST_BODY_IN_MEMORY = 4_096;

/** Bytes of a spooled record beside its body: head, properties, names. */
const SPOOLED_BESIDE_BODY = 300;

/** Mean size of a body in bytes; 1 KiB when it is not known. */
function meanBody({ messageBytes, ready, unacknowledged = 0 }: QueueFacts): number {
  const messages = ready + unacknowledged;
  return messageBytes === undefined || messages === 0 ? 1_024 : messageBytes / messages;
}

/** Seconds for which messages would be held. */
export function holdSeconds(facts: QueueFacts): number {
  return facts.ready / MESSAGES_A_SECOND + facts.ready * meanBody(facts) / BYTES_A_SECOND;
}

/** Bytes of the broker's memory that holding one message takes. */
export function memoryPerMessage(facts: QueueFacts): number {
  const body = meanBody(facts);
  if (facts.type === "quorum") return MEMORY_OF_MESSAGE.quorum;
  return MEMORY_OF_MESSAGE.classic + (body <= LARGEST_BODY_IN_MEMORY ? body : 0);
}

/** Bytes of the local spool that one message takes. */
export function spoolPerMessage(facts: QueueFacts): number {
  return SPOOLED_BESIDE_BODY + meanBody(facts);
}
