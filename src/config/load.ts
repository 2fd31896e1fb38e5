import { applyOverrides, originOf, type Override } from "./overrides.ts";
import { checkConfig } from "./check.ts";
import type { Config } from "./config.ts";
import type { Environment } from "./interpolate.ts";
import {
  configError,
  type ConfigPath,
  type ConfigWarning,
  pathText,
  type Problem,
} from "./problem.ts";
import { type ConfigText, readConfigFile } from "./read_file.ts";
import { resolveConfig } from "./resolve.ts";
import { ConfigFileSchema, type Section } from "./schema.ts";
import { parseYamlTree, type YamlTree } from "./yaml_tree.ts";

/** Options of {@linkcode loadConfig}. */
export interface LoadOptions {
  /** The YAML file; without one, `overrides` and defaults make up the configuration. */
  readonly path?: string;
  /** Values of variables and then flags: later ones win. */
  readonly overrides?: readonly Override[];
  /** Looks up environment variables. */
  readonly env: Environment;
  /** The direction of the command; a file whose `mode` is the other one is refused. */
  readonly mode?: "backup" | "restore";
  /**
   * What the command needs. Other sections are not looked at, so that a listing needs no broker's
   * password. Default: all.
   */
  readonly sections?: readonly Section[];
}

/** A configuration that is ready for use, and what a person should know about it. */
export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Reads, checks and completes the configuration: flag before variable before file before default.
 *
 * Throws an {@linkcode AppError} with code `config` that lists everything that is wrong, with place
 * and way out and without any value.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const overrides = options.overrides ?? [];
  // 1. Read the file and its YAML.
  const source = options.path === undefined ? undefined : await readConfigFile(options.path);
  const tree = source && parseYamlTree(source.text, {
    name: options.path!,
    env: options.env,
    skip: skippedSections(options.sections),
  });
  if (tree !== undefined && tree.value === undefined) throw configError(tree.problems);
  const problems: Problem[] = [...tree?.problems ?? []];
  const report = (path: ConfigPath, text: string) => {
    const origin = originOf(path, overrides);
    // Beside the name of a flag or variable the path of its key would say nothing new.
    problems.push(
      origin === undefined
        ? { where: tree?.locate(path) ?? "command line", text }
        : { where: origin, text: text.replace(`${pathText(path)}: `, "") },
    );
  };
  // 2. Put variables and flags in place, and hold the whole against the schema.
  const value = applyOverrides(tree?.value, overrides);
  const loose = (path: ConfigPath) =>
    originOf(path, overrides) !== undefined || (tree?.interpolated.has(pathText(path)) ?? false);
  const checked = checkConfig(value, loose);
  if ("found" in checked) {
    for (const { path, text } of checked.found) {
      if (!tree?.failed.has(pathText(path))) report(path, text);
    }
    throw configError(problems);
  }
  // 3. Resolve what refers to other things, and stop if anything was wrong up to here.
  const mode = checked.file.mode;
  if (options.mode !== undefined && mode !== undefined && mode !== options.mode) {
    report(
      ["mode"],
      `this file is for ${mode}, and the command is ${options.mode}: name another file with ` +
        "--config, or take the line out where it serves for both",
    );
  }
  const config = await resolveConfig(checked.file, { env: options.env, report });
  if (problems.length > 0) throw configError(problems);
  return { config, warnings: warningsOf({ config, path: options.path, source, tree }) };
}

function skippedSections(needed: readonly Section[] | undefined): ReadonlySet<string> {
  if (needed === undefined) return new Set();
  const all = Object.keys(ConfigFileSchema.shape) as Section[];
  return new Set(all.filter((section) => !needed.includes(section)));
}

interface Inspected {
  readonly config: Config;
  readonly path: string | undefined;
  readonly source: ConfigText | undefined;
  readonly tree: YamlTree | undefined;
}

function warningsOf({ config, path, source, tree }: Inspected): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const mode = source?.mode ?? 0;
  if (tree && (mode & 0o044) !== 0 && holdsPassword(tree)) {
    warnings.push({
      message: `${path} holds a password and can be read by other users ` +
        `(mode ${mode.toString(8).padStart(4, "0")})`,
      hint: `run "chmod 600 ${path}", or write \${VARIABLE} or management_password_file instead`,
    });
  }
  if (config.metrics.enabled) {
    warnings.push({ message: "metrics.enabled has no effect in this version" });
  }
  return warnings;
}

/** Whether a password stands in the file itself rather than in a variable. */
function holdsPassword(tree: YamlTree): boolean {
  const root = tree.value as Record<string, Record<string, unknown> | undefined>;
  return ["source", "target"].some((section) => {
    const written = (key: string) => {
      const value = root[section]?.[key];
      const literal = !tree.interpolated.has(`${section}.${key}`);
      return literal && typeof value === "string" ? value : "";
    };
    const inUrl = (key: string) => /:\/\/[^/@:]*:[^@]+@/.test(written(key));
    return written("management_password") !== "" || inUrl("amqp_url") || inUrl("management_url");
  });
}
