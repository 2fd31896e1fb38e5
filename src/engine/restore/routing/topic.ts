/** The words of a routing or binding key; an empty key has none. */
export function topicWords(key: string): string[] {
  return key === "" ? [] : key.split(".");
}

/**
 * Whether a topic exchange takes a key for a binding: `*` stands for one word, `#` for any number of
 * words (https://www.rabbitmq.com/tutorials/tutorial-five-python).
 */
export function topicMatches(pattern: readonly string[], words: readonly string[]): boolean {
  // Where the last "#" stands, and how many words it stands for so far: only that one is tried again.
  let hash = -1;
  let taken = 0;
  let at = 0;
  let word = 0;
  while (word < words.length) {
    if (pattern[at] === "#") {
      hash = at++;
      taken = word;
    } else if (at < pattern.length && (pattern[at] === "*" || pattern[at] === words[word])) {
      at++;
      word++;
    } else if (hash >= 0) {
      at = hash + 1;
      word = ++taken;
    } else return false;
  }
  return pattern.slice(at).every((rest) => rest === "#");
}
