import { AppError } from "../errors.ts";
import type { Environment } from "./interpolate.ts";
import type { Override } from "./overrides.ts";
import { pathText } from "./problem.ts";
import { readConfigFile } from "./read_file.ts";
import { parseYamlTree } from "./yaml_tree.ts";

/** A password in a file that stands for a variable which is not set. */
export interface UnsetPassword {
  readonly section: "source" | "target";
  readonly key: (typeof KEYS)[number];
  readonly variable: string;
  /** The value of the key, with `${variable}` where the password belongs. */
  readonly text: string;
}

const SECTIONS = ["source", "target"] as const;
const KEYS = ["amqp_url", "management_url", "management_password"] as const;
const IN_URL = /^[a-z]+:\/\/[^:@/$]*:\$\{([A-Za-z_]\w*)\}@[^$]*$/i;
const WHOLE = /^\$\{([A-Za-z_]\w*)\}$/;

/**
 * The passwords of brokers that a file lacks; none where it lacks anything else as well, which an
 * ordinary reading of the file tells better.
 */
export async function unsetPasswords(path: string, env: Environment): Promise<UnsetPassword[]> {
  try {
    const { text } = await readConfigFile(path);
    const options = { name: path, skip: new Set<string>() };
    const { failed } = parseYamlTree(text, { ...options, env });
    if (failed.size === 0) return [];
    const written = parseYamlTree(text, { ...options, env: (name) => env(name) ?? `\${${name}}` });
    const root = written.value as Record<string, Record<string, unknown> | undefined>;
    const found = SECTIONS.flatMap((section) =>
      KEYS.filter((key) => failed.has(pathText([section, key]))).flatMap((key) => {
        const value = String(root[section]?.[key]);
        const variable = (key === "management_password" ? WHOLE : IN_URL).exec(value)?.[1];
        return variable === undefined ? [] : [{ section, key, variable, text: value }];
      })
    );
    return found.length === failed.size ? found : [];
  } catch (error) {
    if (error instanceof AppError) return [];
    throw error;
  }
}

/** The variables of a broker's section. */
export function variablesOf(
  unset: readonly UnsetPassword[],
  section: UnsetPassword["section"],
): string[] {
  return [...new Set(unset.filter((one) => one.section === section).map((one) => one.variable))];
}

/** What fills in a password that was typed, for whatever stands for the same variables. */
export function filledIn(
  unset: readonly UnsetPassword[],
  { variables, password }: { variables: readonly string[]; password: string },
): Override[] {
  return unset.filter(({ variable }) => variables.includes(variable))
    .map(({ section, key, variable, text }) => {
      const secret = key === "management_password" ? password : encodeURIComponent(password);
      return {
        path: [section, key],
        value: text.replace(`\${${variable}}`, () => secret),
        origin: "what was typed here",
      };
    });
}
