import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { type Environment, interpolate } from "./interpolate.ts";
import { type ConfigPath, pathText, type Problem } from "./problem.ts";

/** A configuration file turned into plain values, which remember where they were written. */
export interface YamlTree {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Paths of texts that held `${…}`; they may stand for numbers and switches. */
  readonly interpolated: ReadonlySet<string>;
  /** Paths of texts that could not be completed; what is wrong with them is in `problems`. */
  readonly failed: ReadonlySet<string>;
  /** `file:line:column` of a key or item, or of the nearest thing around it. */
  locate(path: ConfigPath): string;
}

/** Options of {@linkcode parseYamlTree}. */
export interface YamlTreeOptions {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly env: Environment;
  /** Top-level keys to pass over, references and all. */
  readonly skip: ReadonlySet<string>;
}

/** More than any sensible file has; these stop aliases that multiply or contain themselves. */
const MAX_NODES = 10_000;
const MAX_DEPTH = 20;

/**
 * Parses the YAML of a configuration. References are replaced after parsing, in texts only: a
 * variable cannot add keys. Messages are our own, as those of the parser may quote values.
 */
export function parseYamlTree(text: string, options: YamlTreeOptions): YamlTree {
  return new TreeBuilder(text, options).build();
}

class TreeBuilder implements YamlTree {
  value: unknown = undefined;
  readonly problems: Problem[] = [];
  readonly interpolated = new Set<string>();
  readonly failed = new Set<string>();
  readonly #text: string;
  readonly #options: YamlTreeOptions;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #offsets = new Map<string, number>();
  #nodes = 0;

  constructor(text: string, options: YamlTreeOptions) {
    this.#text = text;
    this.#options = options;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      strict: true,
      uniqueKeys: true,
      logLevel: "error",
    });
  }

  build(): this {
    const faults = [...this.#document.errors, ...this.#document.warnings];
    for (const fault of faults.slice(0, 1)) this.#report(fault.pos[0], explain(fault));
    if (faults.length > 0) return this;
    const root = this.#document.contents;
    if (root === null || isScalar(root) && root.value === null) {
      this.#report(0, "the file is empty");
    } else if (!isMap(root)) {
      this.#report(startOf(root), "expected keys with values, such as 'mode: backup'");
    } else {
      this.value = this.#convert(root, []);
    }
    return this;
  }

  locate(path: ConfigPath): string {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#offsets.get(pathText(path.slice(0, length)));
      if (offset !== undefined) return this.#where(offset);
    }
    return this.#where(0);
  }

  #convert(node: Node | null, path: ConfigPath): unknown {
    if (++this.#nodes > MAX_NODES || path.length > MAX_DEPTH) {
      if (this.problems.length === 0) this.#report(startOf(node), "the file holds too much");
      return undefined;
    }
    if (isAlias(node)) return this.#convert(this.#resolve(node), path);
    if (isMap(node)) return this.#convertMap(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#item(item as Node, path, index));
    if (isScalar(node)) return this.#scalar(node.value, node, path);
    return undefined;
  }

  #convertMap(map: YAMLMap, path: ConfigPath): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof key !== "string" && typeof key !== "number") {
        this.#report(startOf(pair.key), "a key must be plain text");
      } else if (key === "<<") {
        for (const [name, value] of this.#merged(pair.value, path)) {
          if (!entries.has(name)) entries.set(name, value);
        }
      } else if (path.length > 0 || !this.#options.skip.has(String(key))) {
        const below = [...path, String(key)];
        this.#offsets.set(pathText(below), startOf(pair.key));
        const value = this.#convert(pair.value, below);
        // A key without a value, its lines perhaps commented out, is as good as not written.
        if (value === null) entries.delete(String(key));
        else entries.set(String(key), value);
      }
    }
    return Object.fromEntries(entries);
  }

  /** What `<<:` brings in: the keys of one mapping or of several, the first wins. */
  #merged(node: Node | null, path: ConfigPath): [string, unknown][] {
    const target = isAlias(node) ? this.#resolve(node) : node;
    if (isMap(target)) return Object.entries(this.#convertMap(target, path));
    if (isSeq(target)) {
      return target.items.flatMap((item) => this.#merged(item as Node, path));
    }
    this.#report(startOf(node), "'<<' must be followed by a mapping");
    return [];
  }

  #item(node: Node, path: ConfigPath, index: number): unknown {
    const below = [...path, index];
    this.#offsets.set(pathText(below), startOf(node));
    return this.#convert(node, below);
  }

  #scalar(value: unknown, node: Node, path: ConfigPath): unknown {
    if (typeof value !== "string") return value;
    const result = interpolate(value, this.#options.env);
    if ("problem" in result) {
      const found = this.#text.indexOf(result.reference, startOf(node));
      const inside = found >= 0 && found < (node.range?.[1] ?? 0);
      this.failed.add(pathText(path));
      this.#report(inside ? found : startOf(node), `${pathText(path)}: ${result.problem}`);
      return undefined;
    }
    if (result.changed) this.interpolated.add(pathText(path));
    return result.text;
  }

  #resolve(node: Node & { resolve(document: Document): Node | undefined }): Node | null {
    const target = node.resolve(this.#document);
    // The name is not quoted: a password that begins with '*' looks like an alias.
    if (target === undefined) {
      this.#report(startOf(node), "no '&' anchor of this name comes before; quote text with a '*'");
    }
    return target ?? null;
  }

  #report(offset: number, text: string): void {
    this.problems.push({ where: this.#where(offset), text });
  }

  #where(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#options.name}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** What is wrong with the YAML, in words that hold nothing of the file. */
function explain(fault: YAMLError): string {
  switch (fault.code) {
    case "TAB_AS_INDENT":
      return "a tab is used to indent; YAML wants spaces";
    case "DUPLICATE_KEY":
      return "this key is written twice";
    case "MULTIPLE_DOCS":
      return "a second document begins; one file holds one configuration";
    case "BAD_SCALAR_START":
      return "a text begins with a character that means something in YAML; put it in quotes";
    case "BAD_DQ_ESCAPE":
      return "an unknown escape in \"…\"; use '…' for text with backslashes";
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return "a key where none can be; is the indentation right, or does text with ': ' lack quotes?";
    case "TAG_RESOLVE_FAILED":
    case "BAD_COLLECTION_TYPE":
      return "tags with '!' are not used here; put text that begins with '!' in quotes";
    case "MISSING_CHAR":
      return "something is missing before this: a closing quote or bracket, a ':' or a space after it";
    case "BAD_INDENT":
      return "the indentation does not fit what comes before, or a bracket is not closed";
    default:
      return "this is not valid YAML; is a quote, a bracket or the indentation wrong?";
  }
}
