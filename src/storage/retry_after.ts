/** Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date; in milliseconds. */
export function retryAfterMs(
  value: string | null | undefined,
  now: number = Date.now(),
): number | undefined {
  if (value === null || value === undefined || value.trim() === "") return undefined;
  const seconds = Number(value);
  const milliseconds = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return milliseconds > 0 ? milliseconds : undefined;
}
