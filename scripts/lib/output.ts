const encoder = new TextEncoder();

/** Writes all of `text`, whatever a single write takes. */
function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

/** A line of progress, on stderr. */
export function say(line: string): void {
  write(Deno.stderr, `${line}\n`);
}

/** A line of result, on stdout. */
export function print(line: string): void {
  write(Deno.stdout, `${line}\n`);
}
