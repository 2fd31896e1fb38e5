import { type Command, Option } from "commander";
import type { Config } from "../../config/config.ts";
import type { DoctorReport } from "../../engine/doctor/doctor.ts";
import type { Side } from "../../engine/doctor/needs.ts";
import {
  addConfigOption,
  addFormatOption,
  addIntoOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import {
  type CommandContext,
  type ConfigNeeds,
  configPath,
  loadCommandConfig,
} from "../context.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT } from "../../console/exit_code.ts";
import { doctorLines, policyLines } from "../../console/text/doctor_text.ts";
import { showResult } from "../output/document.ts";
import {
  brokerSettings,
  PROGRESS_SETTINGS,
  queueSettings,
  STORAGE_SETTINGS,
} from "../setting_groups.ts";
import type { SettingGroup } from "../../console/setting.ts";

const HELP = {
  summary: "try all that a configuration needs, and say how to mend what fails",
  description:
    "Tries what a backup (or a restore, with --for restore or a file with mode: restore) needs: broker, " +
    "TLS, password, rights on each virtual host, management API, streams, alarms, the storage with an " +
    "object that is removed again, clocks, progress file and spool. Changes nothing on the broker. Exit " +
    "code 15 means that a run would fail.",
  examples: [
    ["before the first backup", "rabbitmq-backup doctor --config backup.yaml"],
    ["before a restore", "rabbitmq-backup doctor -c restore.yaml -b nightly-20250304"],
    ["the least rights, for copying", "rabbitmq-backup doctor -c backup.yaml --policies"],
  ],
} as const;

export function addDoctorCommand(program: Command, launch: Launch): void {
  const command = addFormatOption(
    addIntoOption(addConfigOption(newCommand(program, "doctor", HELP))),
  )
    .alias("check")
    .addOption(
      new Option("--for <what>", "backup or restore (default: the file's mode, or backup)")
        .choices(["backup", "restore"]),
    )
    .option("--policies", "print the least rights that are needed, and try nothing");
  // The flags of both sides have the same names.
  addSettings(command, settingsOf("backup")).action(launch(doctor));
}

function settingsOf(side: Side, into: "source" | "target" = "target"): SettingGroup[] {
  return [
    STORAGE_SETTINGS,
    brokerSettings(side === "backup" ? "source" : into),
    queueSettings(side === "backup" ? "source.queues" : "restore.queues"),
    PROGRESS_SETTINGS,
  ];
}

async function doctor(context: CommandContext): Promise<number> {
  // 1. The configuration, and what it is for.
  const side = await sideOf(context);
  const into = context.flags.into as ConfigNeeds["into"];
  const settings = settingsOf(side, into);
  const config = await loadCommandConfig(context, { settings, mode: side, into });

  // 2. With --policies: only these.
  if (context.flags.policies === true) return await showPolicies(context, { config, side });

  // 3. Try all.
  const { examine } = await import("../../engine/doctor/doctor.ts");
  const report = await runEngineWork(context, {
    stopping: "ending",
    run: ({ signal }) => examine({ config, side, signal }),
  });

  // 4. Show what was found.
  const { outStyle, redactor, options } = context.output;
  const shown = redacted(report, (text) => redactor.redact(text));
  await showResult(context, {
    document: {
      v: 1,
      for: side,
      location: shown.location,
      fit: isFit(shown),
      findings: shown.findings,
    },
    text: () => doctorLines(shown, outStyle, { onlyFailed: options.quiet }),
  });
  return isFit(report) ? EXIT.ok : EXIT.unfit;
}

/** What the flags say, else the file, else a backup. Only a restore goes into a broker. */
async function sideOf(context: CommandContext): Promise<Side> {
  if (context.flags.into !== undefined) return "restore";
  if (context.flags.for !== undefined) return context.flags.for as Side;
  const path = configPath(context);
  if (path === undefined) return "backup";
  const { loadConfig } = await import("../../config/load.ts");
  const { env } = context.host.terminal;
  return (await loadConfig({ path, env, sections: ["mode"] })).config.mode ?? "backup";
}

async function showPolicies(
  context: CommandContext,
  choice: { config: Config; side: Side },
): Promise<number> {
  const { leastPolicies } = await import("../../engine/doctor/policies.ts");
  const policies = await leastPolicies(choice.config, choice.side);
  await showResult(context, {
    document: { v: 1, for: choice.side, policies },
    text: () => policyLines(policies, context.output.outStyle),
  });
  return EXIT.ok;
}

function isFit({ findings }: DoctorReport): boolean {
  return findings.every(({ status }) => status !== "failed");
}

/** Findings hold what others say, which may repeat what they were told. */
function redacted(report: DoctorReport, redact: (text: string) => string): DoctorReport {
  const findings = report.findings.map((finding) => ({
    ...finding,
    message: redact(finding.message),
    ...(finding.hint === undefined ? {} : { hint: redact(finding.hint) }),
  }));
  return { ...report, findings };
}
