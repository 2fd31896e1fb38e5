/** Looks a variable up; `undefined` means that it is not set. */
export type Environment = (name: string) => string | undefined;

/** The text with its references replaced, or what is wrong with the reference at `offset`. */
export type Interpolated =
  | { readonly text: string; readonly changed: boolean }
  | { readonly problem: string; readonly reference: string };

// "$${" first, so that an escaped reference is not taken for one.
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Replaces `${NAME}` and `${NAME:-default}`; `$${` stands for `${`. A variable that is set to the
 * empty text counts as set. What comes in is not looked at again, so a value can hold anything.
 */
export function interpolate(text: string, env: Environment): Interpolated {
  let failure: { problem: string; reference: string } | undefined;
  const replaced = text.replace(REFERENCE, (reference, inner?: string, close?: string) => {
    if (inner === undefined) return "${";
    const match = NAME.exec(inner);
    if (close !== "}" || match === null || match[2]?.includes("${")) {
      // Only its beginning is quoted: the rest may be a secret.
      failure ??= { problem: MALFORMED, reference };
      return "";
    }
    const [, name, fallback] = match;
    const value = env(name!) ?? fallback;
    if (value === undefined) failure ??= { problem: unset(name!), reference };
    return value ?? "";
  });
  return failure ?? { text: replaced, changed: replaced !== text };
}

const MALFORMED =
  "a reference to a variable is malformed; write ${NAME}, ${NAME:-default}, or $${ " +
  "for the characters themselves";

function unset(name: string): string {
  return `the environment variable ${name} is not set; set it, or write \${${name}:-default}`;
}
