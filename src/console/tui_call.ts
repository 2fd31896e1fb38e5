import type { BrokerEndpoint } from "../config/config.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Environment } from "../config/interpolate.ts";
import type { Override } from "../config/overrides.ts";
import type { Redactor } from "./redact.ts";
import type { SettingGroup } from "./setting.ts";
import type { Style } from "./text/style.ts";

/** Flags that say where things are, quoted for sh: of commands for a broker, and for a storage. */
export interface PlaceFlags {
  readonly broker: readonly string[];
  readonly storage: readonly string[];
}

/** A broker of a file whose password is in a variable that is not set. */
export interface LockedBroker {
  readonly variables: readonly string[];
  /** As the file says it, without the password. */
  readonly endpoint: BrokerEndpoint;
}

/** A configuration; the brokers that it cannot log in to for want of a password stand beside it. */
export interface TuiConfig extends LoadedConfig {
  readonly locked: { readonly source?: LockedBroker; readonly target?: LockedBroker };
}

/** What a terminal UI is started with. It stands here since neither face may import the other. */
export interface TuiCall {
  readonly style: Style;
  /** Hides all that writes to a broker or a storage. */
  readonly readOnly: boolean;
  /** How a shell starts this program, from any folder. */
  readonly invocation: string;
  /** The configuration file that was named, by its whole path. */
  readonly configPath: string | undefined;
  /** Other flags of the call that belong on commands which do the same. */
  readonly flags: PlaceFlags;
  /** What may be chosen about a restore, and which of that a comparison goes by as well. */
  readonly restoreSettings: {
    readonly own: readonly SettingGroup[];
    readonly shared: readonly SettingGroup[];
  };
  readonly env: Environment;
  now(): Date;
  readonly redactor: Redactor;
  /** The configuration in force for a direction: of a file, with what was chosen on the way on top. */
  load(
    mode: "backup" | "restore",
    options: {
      path: string | undefined;
      choices: readonly Override[];
      /** Stands for what the file lacks of its source, or of its target where it has no source. */
      password?: string | undefined;
    },
  ): Promise<TuiConfig>;
  /** What gives the terminal back: done before an error that nobody waited for is told. */
  onError(restore: () => void): void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** How a terminal UI ended. */
export interface TuiEnd {
  readonly exitCode: number;
  /** What stays in the scroll-back. */
  readonly lines: readonly string[];
}

/** Opens a terminal UI, and resolves when it has left the screen. */
export type OpenTui = (call: TuiCall) => Promise<TuiEnd>;
