/** What messages of AMQP 1.0 lose when they become messages of AMQP 0-9-1. */

/** For people. */
const LOSS = {
  notAmqp10: "is no message of AMQP 1.0; its bytes are the body",
  deliveryAnnotations: "delivery annotations",
  headerFields: "first-acquirer or delivery-count",
  dataSections: "several data sections, which are one body now",
  values:
    "values or types that RabbitMQ takes in no header (null, decimals, described ones, annotations " +
    "without x-, sections over 64 KiB)",
} as const;

export type Loss = keyof typeof LOSS;

/** In how many messages something was lost, at most: those that are not chosen count. */
export type LossCounts = Partial<Record<Loss, number>>;

/** For people: what was lost, in how many messages. */
export function lossTexts(counts: LossCounts): string[] {
  return Object.entries(counts).map(([loss, messages]) =>
    `${LOSS[loss as Loss]} (${messages} ${messages === 1 ? "message" : "messages"})`
  );
}
