import type { Command } from "commander";
import type { DefinitionsDiff } from "../../definitions/diff.ts";
import type { SideContext } from "../../engine/definitions/sides.ts";
import { chooseFrom } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, loadCommandConfig } from "../context.ts";
import { readDefinitionsFile } from "../definitions_input.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT } from "../../console/exit_code.ts";
import { diffLines } from "../../console/text/diff_text.ts";
import { showResult } from "../output/document.ts";
import { brokerSettings, STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [
  {
    ...STORAGE_SETTINGS,
    settings: STORAGE_SETTINGS.settings.filter(({ path }) => path === "storage"),
  },
  brokerSettings("target"),
];

const HELP = {
  summary: "show what is different between two definitions",
  description:
    "Holds two definitions against each other, object by object and field by field. Each is a file " +
    "(- is stdin), a backup (its folder or URL, or with --path its id, the beginning of it, or " +
    "latest), or a running broker: live, or source and target where the configuration has both. " +
    "Hashes and credentials are not shown. Changes nothing.",
  examples: [
    [
      "what has changed since the newest backup",
      "rabbitmq-backup definitions-diff latest live -c restore.yaml",
    ],
    ["two files", "rabbitmq-backup definitions-diff before.json after.json"],
    ["two brokers", "rabbitmq-backup definitions-diff source target -c both.yaml --vhost shop"],
  ],
} as const;

export function addDefinitionsDiffCommand(program: Command, launch: Launch): void {
  const command = newCommand(program, "definitions-diff <first> <second>", HELP);
  addFormatOption(addConfigOption(command))
    .option("--vhost <name>", "only this vhost")
    .option("--exit-code", "exit with 3 when there is a difference");
  addSettings(command, SETTINGS).action(launch(diff));
}

async function diff(context: CommandContext): Promise<number> {
  // 1. What the two are.
  const { flags, positionals: [first = "", second = ""] } = context;
  const config = await loadCommandConfig(context, {
    settings: SETTINGS,
    sections: ["source", "target", "storage"],
  });
  const { compareSides, loadSide, sideOf } = await import("../../engine/definitions/sides.ts");
  const sides = [await sideOf(first, { config }), await sideOf(second, { config })] as const;

  // 2. Read and compare them.
  const vhost = flags.vhost as string | undefined;
  const found = await runEngineWork(context, {
    stopping: "ending",
    run: async ({ signal }) => {
      const tools: SideContext = {
        config,
        chooseBackup: (storage, named) =>
          chooseFrom(storage, context, { named, verb: "compare", prefix: true }),
        readFile: readDefinitionsFile,
        signal,
      };
      const from = await loadSide(sides[0], tools);
      return compareSides(from, await loadSide(sides[1], tools), { vhost });
    },
  });

  // 3. Show what is different.
  const { options: { verbosity }, outStyle } = context.output;
  await showResult(context, {
    document: { v: 1, from: first, to: second, ...found },
    text: () => diffLines(found, { from: first, to: second, style: outStyle, all: verbosity > 0 }),
  });
  return flags.exitCode === true && isDifferent(found) ? EXIT.partial : EXIT.ok;
}

function isDifferent({ added, removed, changed }: DefinitionsDiff): boolean {
  return added.length + removed.length + changed.length > 0;
}
