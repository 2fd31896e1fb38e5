import { parseArgs } from "node:util";
import { build, buildAll, buildPortable } from "./build/build.ts";
import { print, say } from "./lib/output.ts";

const USAGE = `Builds the program into one file in dist/, with its SHA-256 beside it.

  deno task build                by deno compile, for this machine
  deno task build --all          for Linux and macOS on x64 and arm64, and for Windows on x64
  deno task build:portable       for Linux: a file that unpacks itself; needs nothing but this Deno

deno compile needs Deno's runtime stub and downloads it; DENORT_BIN names one that is here.`;

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      all: { type: "boolean", default: false },
      portable: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return print(USAGE);
  const make = values.portable ? buildPortable : values.all ? buildAll : build;
  for (const path of await make()) print(path);
}

try {
  await main(Deno.args);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}
