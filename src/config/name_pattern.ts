import { AppError, messageOf } from "../errors.ts";

/** Patterns of names; none in `include` means all names, and `exclude` wins. */
export interface NamePatterns {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** Tells whether a name matches. */
export type NameMatcher = (name: string) => boolean;

/**
 * Compiles patterns of queue or virtual host names.
 *
 * - `~regex` is a regular expression (JavaScript, Unicode) that is searched anywhere in the name, as
 *   in RabbitMQ's policies; `^` and `$` anchor it.
 * - Anything else is a glob for the whole name: `*` is any text, `?` any one character, `[a-z]` and
 *   `[!a-z]` one of a set, `{a,b}` alternatives, and `\` takes the meaning from what follows it.
 *
 * Names are no paths: slashes, dots and line ends are characters like others. (A library for file
 * globs does not do here: `*` must match `..` and `a/b`, `?` an emoji.) Case counts.
 *
 * Throws an {@linkcode AppError} with code `config` for a pattern that cannot be compiled.
 */
export function compileNames(patterns: NamePatterns): NameMatcher {
  const include = (patterns.include ?? []).map(compileName);
  const exclude = (patterns.exclude ?? []).map(compileName);
  return (name) =>
    (include.length === 0 || include.some((matches) => matches(name))) &&
    !exclude.some((matches) => matches(name));
}

/** Compiles one pattern; see {@linkcode compileNames}. */
export function compileName(pattern: string): NameMatcher {
  const regex = nameRegex(pattern);
  return (name) => regex.test(name);
}

/**
 * The regular expression of a pattern, which in that of a glob captures what each `*` stands for. Throws
 * as {@linkcode compileNames}.
 */
export function nameRegex(pattern: string): RegExp {
  if (pattern === "") throw badPattern(pattern, "it is empty");
  return pattern.startsWith("~") ? searchRegex(pattern) : globRegex(pattern);
}

/** The glob that matches exactly this name. */
export function escapeName(name: string): string {
  return name.replace(/[\\*?[\]{},]|^~/g, "\\$&");
}

/** Whether a pattern is just a name: nothing in it has a meaning of its own. */
export function isPlainName(pattern: string): boolean {
  return escapeName(pattern) === pattern;
}

function searchRegex(pattern: string): RegExp {
  if (pattern === "~") throw badPattern(pattern, "the regular expression is empty");
  try {
    return new RegExp(pattern.slice(1), "u");
  } catch (error) {
    const detail = messageOf(error).replace(/^Invalid regular expression: /, "");
    throw badPattern(pattern, `not a regular expression: ${detail}`);
  }
}

function globRegex(pattern: string): RegExp {
  const translated = new GlobTranslator(pattern).translate();
  try {
    return new RegExp(`^${translated}$`, "us");
  } catch {
    throw badPattern(pattern, "a range in brackets is out of order");
  }
}

/** Turns a glob into the source of a regular expression, one character at a time. */
class GlobTranslator {
  readonly #pattern: string;
  readonly #characters: string[];
  #position = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#characters = [...pattern];
  }

  translate(): string {
    return this.#sequence(0);
  }

  /** Up to the end, or inside braces to the `,` or `}` that ends this alternative. */
  #sequence(depth: number): string {
    let source = "";
    for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
      if (depth > 0 && (char === "," || char === "}")) return source;
      this.#position++;
      source += this.#translateOne(char, depth);
    }
    if (depth > 0) throw badPattern(this.#pattern, "a '{' is not closed; write \\{ for a brace");
    return source;
  }

  #translateOne(char: string, depth: number): string {
    switch (char) {
      case "*":
        // One star says the same as many, and does not backtrack over each other.
        while (this.#peek() === "*") this.#position++;
        return "(.*)";
      case "?":
        return ".";
      case "[":
        return this.#characterSet();
      case "{":
        return this.#alternatives(depth + 1);
      case "\\":
        return literal(this.#escaped());
      default:
        return literal(char);
    }
  }

  #alternatives(depth: number): string {
    const options = [this.#sequence(depth)];
    while (this.#peek() === ",") {
      this.#position++;
      options.push(this.#sequence(depth));
    }
    this.#position++;
    if (options.length === 1) {
      throw badPattern(this.#pattern, "braces hold no comma; write \\{ for a brace");
    }
    return `(?:${options.join("|")})`;
  }

  #characterSet(): string {
    const negated = this.#peek() === "!" || this.#peek() === "^";
    if (negated) this.#position++;
    let members = "";
    for (let first = true;; first = false) {
      const char = this.#peek();
      if (char === undefined) {
        throw badPattern(this.#pattern, "a '[' is not closed; write \\[ for a bracket");
      }
      this.#position++;
      if (char === "]" && !first) break;
      if (char === "-" && !first && this.#peek() !== "]") members += "-";
      else members += literal(char === "\\" ? this.#escaped() : char);
    }
    return `[${negated ? "^" : ""}${members}]`;
  }

  #escaped(): string {
    const char = this.#peek();
    if (char === undefined) throw badPattern(this.#pattern, "it ends with a single '\\'");
    this.#position++;
    return char;
  }

  #peek(): string | undefined {
    return this.#characters[this.#position];
  }
}

/** A character for use inside and outside of a character class. */
function literal(char: string): string {
  return `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

function badPattern(pattern: string, problem: string): AppError {
  return new AppError(
    "config",
    `Cannot use the name pattern ${JSON.stringify(pattern)}: ${problem}`,
  );
}
