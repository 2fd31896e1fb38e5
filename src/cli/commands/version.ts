import type { Command } from "commander";
import { BUILD, VERSION } from "../../version.ts";
import { PROGRAM_PATH } from "../../program_path.ts";
import { addFormatOption, type Launch, newCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";
import { showResult } from "../output/document.ts";

const HELP = {
  summary: "print versions: of the program, its runtime, its formats",
  description: "Prints what a bug report should say. --version prints the number alone.",
  examples: [["for a script", "rabbitmq-backup version --json | jq -r .version"]],
} as const;

export function addVersionCommand(program: Command, launch: Launch): void {
  addFormatOption(newCommand(program, "version", HELP)).action(launch(version));
}

async function version(context: CommandContext): Promise<number> {
  const { FORMAT_VERSIONS } = await import("../../archive/manifest_io.ts");
  const { SCHEMA_VERSION } = await import("../../checkpoint/schema.ts");
  const { deno, v8 } = Deno.version;
  const document = {
    v: 1,
    version: VERSION,
    commit: BUILD?.commit ?? null,
    build: buildKind(),
    runtime: { deno, v8, target: Deno.build.target },
    formats: { backup: FORMAT_VERSIONS, checkpoint: SCHEMA_VERSION },
  };
  await showResult(context, {
    document,
    text: () => [
      `rabbitmq-backup ${VERSION} (${document.build}, commit ${document.commit ?? "not known"})`,
      `Deno ${deno}, V8 ${v8}, ${Deno.build.target}`,
      `backups of format ${FORMAT_VERSIONS.join(" and ")}, progress file ${SCHEMA_VERSION}`,
    ],
  });
  return EXIT.ok;
}

function buildKind(): "sources" | "bundle" | "compiled" | "self-extracting" {
  if (BUILD === undefined) return "sources";
  if (Deno.build.standalone) return "compiled";
  return PROGRAM_PATH === undefined ? "bundle" : "self-extracting";
}
