import { atLeast } from "../../safety/settings.ts";

/** What reading a stream by AMQP 0-9-1 loses, for people: measured, and told in docs/streams.md. */
export function amqpLosses(brokerVersion: string): string[] {
  return [
    "compressed batches",
    "what AMQP 0-9-1 has no place for (footers, types of ids and numbers, some properties)",
    ...atLeast(brokerVersion, 4, 0) ? [] : ["annotations", "data sections but the last"],
    "the times at which messages were written",
    "the offsets that consumers have stored",
  ];
}
