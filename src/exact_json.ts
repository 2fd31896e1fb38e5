/** A number as it stands in the JSON text; `JSON.stringify` writes it back as it was. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** ES2026; the compiler's library does not know it yet. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

/**
 * Parses JSON so that `JSON.stringify` gives the same numbers again: one that a JavaScript number does
 * not hold or would write otherwise (`9223372036854775807`, `1.0`) becomes a {@linkcode RawNumber}. Some of RabbitMQ's
 * arguments are 64-bit integers, and some tell integers from floats.
 *
 * @throws SyntaxError
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) => {
    if (typeof value !== "number" || context?.source === undefined) return value;
    const exact = String(value) === context.source &&
      (Number.isSafeInteger(value) || !Number.isInteger(value));
    return exact ? value : rawJSON(context.source);
  });
}

/** Whether a value of {@linkcode parseExactJson} is a number that it kept as text. */
export function isRawNumber(value: unknown): value is RawNumber {
  return isRawJSON(value);
}
