/** A string, a sign, or a number or word. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;
const INDENT = "  ";
/** Deeper levels are not moved in any further: lines would get longer than what they show. */
const MOST_LEVELS = 100;

/**
 * JSON text with line breaks, and otherwise as it is written: keys in their order, also those that are
 * there twice, numbers with all digits, strings with their escapes.
 *
 * @throws {SyntaxError} when it is no JSON
 */
export function brokenJson(text: string): string {
  JSON.parse(text);
  const parts: string[] = [];
  let level = 0;
  let before = "";
  const newLine = () => parts.push("\n", INDENT.repeat(Math.min(level, MOST_LEVELS)));
  for (const [token] of text.matchAll(TOKEN)) {
    const isOpened = before === "{" || before === "[";
    if (token === "}" || token === "]") {
      level--;
      if (!isOpened) newLine();
    } else if (isOpened || before === ",") newLine();
    if (token === "{" || token === "[") level++;
    parts.push(token === ":" ? ": " : token);
    before = token;
  }
  return parts.join("");
}
