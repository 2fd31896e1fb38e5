/**
 * Characters that a terminal acts on, or that make text look like other text: control characters,
 * direction marks and overrides, line separators, invisible tags, halves of surrogate pairs.
 */
const UNSAFE =
  /[\p{Cc}\p{Cs}\p{Bidi_Control}\u200b\u2028\u2029\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu;

/** Text from outside (names, broker messages) made safe for a terminal: `\u{1b}` for escape. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** The same for text of several lines. */
export function escapeLines(text: string): string {
  return text.split("\n").map(escapeText).join("\n");
}

/** JSON with such characters of its texts as JSON's own escapes; its line breaks stay. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (char) => {
    if (char === "\n") return char;
    const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

/** A queue as a person reads it: the virtual host where it is not the default one. */
export function queueLabel(vhost: string, queue: string): string {
  return vhost === "/" ? escapeText(queue) : `${escapeText(queue)} (${escapeText(vhost)})`;
}
