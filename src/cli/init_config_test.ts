import assert from "node:assert/strict";
import { loadConfig } from "../config/load.ts";
import { initialConfig } from "./init_config.ts";

const MODES = ["backup", "restore"] as const;

async function load(text: string, mode: (typeof MODES)[number]) {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, 0o600);
    const env = (name: string) => name === "RABBITMQ_PASSWORD" ? "secret" : undefined;
    return await loadConfig({ path, overrides: [], env, mode });
  } finally {
    await Deno.remove(path);
  }
}

for (const mode of MODES) {
  Deno.test(`a new file for ${mode} is right as it is`, async () => {
    const { config, warnings } = await load(initialConfig(mode), mode);
    assert.deepEqual(warnings, []);
    assert.equal(config.mode, mode);
    assert.equal(
      (mode === "backup" ? config.source : config.target)?.amqp_url.address,
      "localhost:5672",
    );
  });

  Deno.test(`the defaults that a new file for ${mode} shows are those that hold`, async () => {
    const text = initialConfig(mode);
    // A key stands at its #; without a value there is no default, and the line stays a comment.
    const shown = text.replaceAll(/^( *)#(\w+:)( .+)$/gm, "$1$2$3");
    assert.notEqual(shown, text);
    const sections = withParents(shown);
    const [asIs, written] = [await load(text, mode), await load(sections, mode)];
    assert.deepEqual(
      JSON.parse(JSON.stringify(written.config)),
      JSON.parse(JSON.stringify(asIs.config)),
    );
  });
}

/** Takes the # from sections in which a key is set. */
function withParents(text: string): string {
  const lines = text.split("\n");
  const depth = (line: string) => /^ */.exec(line)![0].length;
  for (let index = lines.length - 1, below = 0; index >= 0; index--) {
    const line = lines[index]!;
    if (/^ *\w+:/.test(line)) below = depth(line);
    else if (/^ *#\w+:$/.test(line) && depth(line) < below) {
      lines[index] = line.replace("#", "");
      below = depth(line);
    }
  }
  return lines.join("\n");
}
