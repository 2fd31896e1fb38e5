/**
 * Compiles what a person types behind `/`: words that must all be in a text, upper and lower case
 * alike. `!word` must not be in it. `-f` in front makes all of them fuzzy: their letters in order,
 * with anything between.
 */
export function compileFilter(filter: string): (text: string) => boolean {
  const [, fuzzy, rest = ""] = /^(-f(?:\s|$))?(.*)$/s.exec(filter.trim()) ?? [];
  const words = rest.toLowerCase().split(/\s+/).filter((word) => word !== "" && word !== "!");
  const has = fuzzy === undefined ? hasWord : hasLetters;
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) =>
      word.startsWith("!") ? !has(lower, word.slice(1)) : has(lower, word)
    );
  };
}

function hasWord(text: string, word: string): boolean {
  return text.includes(word);
}

function hasLetters(text: string, letters: string): boolean {
  let from = 0;
  for (const letter of letters) {
    const at = text.indexOf(letter, from);
    if (at < 0) return false;
    from = at + letter.length;
  }
  return true;
}
