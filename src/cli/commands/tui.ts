import { type Command, Option } from "commander";
import { resolve } from "node:path";
import { shellWord, wholePath } from "../../console/resume_command.ts";
import type { Override } from "../../config/overrides.ts";
import type { Environment } from "../../config/interpolate.ts";
import type { UnsetPassword } from "../../config/unset_passwords.ts";
import type { TuiCall, TuiConfig } from "../../console/tui_call.ts";
import { addConfigOption, addSettings, type Launch, newCommand } from "../command.ts";
import { type CommandContext, configPath, usageError } from "../context.ts";
import {
  brokerSettings,
  definitionsSettings,
  IMPORT_SETTINGS,
  MAPPING_SETTINGS,
  MESSAGE_SETTINGS,
  PROGRESS_SETTINGS,
  RESTORE_SETTINGS,
  STORAGE_SETTINGS,
} from "../setting_groups.ts";
import { nameOf, type SettingGroup } from "../../console/setting.ts";
import { collectOverrides, keyOf } from "../settings.ts";

const BROKER_SETTINGS = brokerSettings("source");
const SETTINGS = [STORAGE_SETTINGS, BROKER_SETTINGS];

const HELP = {
  summary: "the same on a full screen: choose, see what would happen, watch",
  description:
    "Opens a user interface in the terminal, for backups and restores by hand. It does nothing that " +
    "the other commands cannot do, and shows the command that does the same. ? explains the keys. " +
    "Without any argument the program opens it as well.",
  examples: [
    ["with what a file says", "rabbitmq-backup tui --config backup.yaml"],
    ["only to look", "rabbitmq-backup tui -c backup.yaml --read-only"],
  ],
} as const;

export function addTuiCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "tui", HELP))
    .option("--read-only", "hide all that writes to a broker or a storage")
    .addOption(new Option("--ascii", "draw with ASCII characters only"));
  addSettings(command, SETTINGS).action(launch(openTui));
}

/** Whether a person sits at a terminal that can show a full screen. */
export function canOpenTui(context: Pick<CommandContext, "host">): boolean {
  return obstacleTo(context) === undefined;
}

/** Why there is none. */
function obstacleTo({ host: { terminal, openTui } }: Pick<CommandContext, "host">) {
  if (openTui === undefined || !terminal.canAsk || !terminal.stdout.isTerminal) {
    return "it needs a terminal for input and output";
  }
  if (terminal.env("TERM") === "dumb") return "TERM=dumb says that this terminal cannot show it";
  return (terminal.env("CI") ?? "") === "" ? undefined : "CI is set, so nobody sits here";
}

/** The command, and what the program does without one. */
export async function openTui(context: CommandContext): Promise<number> {
  const { host, output, flags } = context;
  const obstacle = output.options.json || flags.noInput === true
    ? "--json or --no-input says that nobody is asked"
    : obstacleTo(context);
  if (obstacle !== undefined) {
    throw usageError(
      `Cannot open the user interface: ${obstacle}`,
      "use backup, restore and the other commands; rabbitmq-backup --help lists them",
    );
  }
  const end = await host.openTui!(callOf(context));
  output.result(end.lines);
  return end.exitCode;
}

function callOf({ host, output, flags }: CommandContext): TuiCall {
  const { terminal, invocation } = host;
  const path = configPath({ flags, host });
  return {
    style: { ...output.outStyle, ...flags.ascii === true ? { unicode: false } : {} },
    readOnly: flags.readOnly === true,
    invocation,
    configPath: path === undefined ? undefined : resolve(path),
    flags: {
      broker: repeatedFlags(flags, BROKER_SETTINGS),
      storage: repeatedFlags(flags, STORAGE_SETTINGS),
    },
    restoreSettings: {
      shared: [MESSAGE_SETTINGS, MAPPING_SETTINGS, PROGRESS_SETTINGS],
      own: [RESTORE_SETTINGS, definitionsSettings("restore"), IMPORT_SETTINGS],
    },
    env: terminal.env,
    now: () => terminal.now(),
    redactor: output.redactor,
    async load(mode, { path, choices, password }) {
      const settings = [STORAGE_SETTINGS, brokerSettings(mode === "backup" ? "source" : "target")];
      const given = collectOverrides(settings, { env: terminal.env, flags });
      const overrides = [...given, ...choices];
      return await loadUnlocked({ path, overrides, password, env: terminal.env });
    },
    onError: (restore) => output.beforeError = restore,
    exit: (code) => host.exit(code),
  };
}

/** Loads the configuration; passwords that it lacks are what was typed, or keep their broker out. */
async function loadUnlocked(
  { path, overrides, password, env }: {
    path: string | undefined;
    overrides: readonly Override[];
    password: string | undefined;
    env: Environment;
  },
): Promise<TuiConfig> {
  let unset: readonly UnsetPassword[];
  const { loadConfig } = await import("../../config/load.ts");
  const { filledIn, unsetPasswords, variablesOf } = await import("../../config/unset_passwords.ts");
  // 1. What the file lacks, if it cannot be used as it is, and which of that was typed.
  try {
    const file = path === undefined ? {} : { path };
    return { ...await loadConfig({ ...file, overrides, env }), locked: {} };
  } catch (error) {
    unset = path === undefined ? [] : await unsetPasswords(path, env);
    if (unset.length === 0) throw error;
  }
  const ofSource = variablesOf(unset, "source");
  const variables = ofSource.length > 0 ? ofSource : variablesOf(unset, "target");
  const filled = password === undefined ? [] : filledIn(unset, { variables, password });
  // 2. Without what is still lacking the rest can be used.
  const lacking = new Set(unset.map(({ variable }) => variable));
  const { config, warnings } = await loadConfig({
    ...path === undefined ? {} : { path },
    overrides: [...filled, ...overrides],
    env: (name) => env(name) ?? (lacking.has(name) ? "" : undefined),
  });
  // 3. A broker without its password would only refuse.
  const isGiven = ({ section, key }: UnsetPassword) =>
    [...filled, ...overrides].some(({ path }) =>
      path[0] === section && (path[1] === key || path[1] === "amqp_url")
    );
  const locked = Object.fromEntries((["source", "target"] as const).flatMap((section) => {
    const endpoint = config[section];
    const left = unset.filter((one) => one.section === section && !isGiven(one));
    if (endpoint === undefined || left.length === 0) return [];
    return [[section, { endpoint, variables: variablesOf(left, section) }]];
  }));
  const { source, target, ...rest } = config;
  return {
    config: {
      ...rest,
      ...source === undefined || "source" in locked ? {} : { source },
      ...target === undefined || "target" in locked ? {} : { target },
    },
    warnings,
    locked,
  };
}

/** Flags of the call as other commands take them. */
function repeatedFlags(flags: CommandContext["flags"], group: SettingGroup): string[] {
  const settings = group.settings
    .filter((setting) => !setting.hidden && nameOf(setting) !== "backup-id");
  return settings.flatMap((setting) => {
    const name = nameOf(setting);
    const value = flags[keyOf(name)];
    return value === undefined ? [] : [`--${name}`, flagValue(name, String(value))];
  });
}

function flagValue(name: string, value: string): string {
  if (name === "amqp-url" && /:[^/@]*@/.test(value.replace(/^[a-z]+:\/\//i, ""))) {
    return '"$RABBITMQ_BACKUP_AMQP_URL"';
  }
  return shellWord(wholePath(`--${name}`, value, Deno.cwd()));
}
