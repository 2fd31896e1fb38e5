import { type Command, Option } from "commander";
import { AppError } from "../../errors.ts";
import { type Launch, newCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";
import type { Mode } from "../init_config.ts";
import { notWritten } from "../private_file.ts";

const HELP = {
  summary: "write a configuration file to begin with",
  description:
    "Writes a file that holds what must be set, and every other key as a comment with its default. " +
    "Only its owner can read it. A file that exists is never overwritten.",
  examples: [
    ["for backups", "rabbitmq-backup init backup.yaml"],
    ["for restores", "rabbitmq-backup init --mode restore restore.yaml"],
    ["to look at", "rabbitmq-backup init -"],
  ],
} as const;

export function addInitCommand(program: Command, launch: Launch): void {
  newCommand(program, "init", HELP)
    .argument("[file]", "where to; - is stdout (default: MODE.yaml)")
    .addOption(new Option("--mode <mode>", "what it is for").choices(["backup", "restore"]))
    .action(launch(init));
}

async function init({ flags, positionals, output, host }: CommandContext): Promise<number> {
  const mode = (flags.mode ?? "backup") as Mode;
  const { initialConfig } = await import("../init_config.ts");
  const text = initialConfig(mode);
  const path = positionals[0] ?? `${mode}.yaml`;
  if (path === "-") {
    host.terminal.stdout.write(text);
    return EXIT.ok;
  }
  await writeNew(path, text);
  if (output.options.json) output.document({ v: 1, file: path, mode });
  else {
    output.result(
      `Wrote ${path}. Set the broker's address and the storage in it, and RABBITMQ_PASSWORD; then: ` +
        `rabbitmq-backup config check --config ${path}`,
    );
  }
  return EXIT.ok;
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true, mode: 0o600 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new AppError("refused", `Cannot write ${path}: it exists`, {
        hint: "name another file, or remove this one",
        cause: error,
      });
    }
    throw notWritten(path, error);
  }
}
