import { messageOf } from "../../errors.ts";

/** What the broker itself said in an error of amqplib; of other errors all that they say. */
export function brokerWords(error: unknown): string {
  const text = messageOf(error);
  return /with message "(.*)"$/s.exec(text)?.[1] ?? text;
}
