import type { ReactNode } from "react";
import type { Binding } from "./keys.ts";
import type { Theme } from "../theme/theme.ts";

/** The room that a screen has, and how it looks. */
export interface Area {
  readonly columns: number;
  readonly rows: number;
  readonly theme: Theme;
}

/** Work of a screen that runs, as far as leaving it is concerned. */
export interface RunningWork {
  /** What it is: "The backup". */
  readonly what: string;
  /** What becomes of it then, where it is not gone on with by the same command. */
  readonly stopped?: string | undefined;
  /** Stops it safely; done when `running` of the screen is undefined. */
  stop(): void;
}

/**
 * One screen as the frame around it knows it. Its state lives in a `Store` of its own, so that it is
 * as it was when a person comes back to it.
 */
export interface Screen {
  /** A word or two for the path in the header. */
  readonly title: string;
  /** The bindings in force, which may depend on the state. */
  keys(): readonly Binding[];
  /** A command of `keys()`. */
  press(command: string, area: Area): void;
  /** What is typed goes into a field; then printable keys are no commands. */
  readonly typing?: { text(text: string): void } | undefined;
  subscribe(listener: () => void): () => void;
  render(area: Area): ReactNode;
  /** The command line that does what this screen is about to do. */
  commandLine?(): string | undefined;
  /** Begins what the screen needs; the signal aborts when the screen is left. */
  open?(signal: AbortSignal): void;
  /** Begins what is only done while it is in front; the signal aborts when it is covered or left. */
  front?(signal: AbortSignal): void;
  running?(): RunningWork | undefined;
  /** Where it works, for the header; undefined: where the program is connected to. */
  place?(): string | undefined;
}
