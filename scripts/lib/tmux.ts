import { say } from "./output.ts";
import { aptInstall, canAptInstall, isOnPath } from "./process.ts";

/** Sees to it that there is a tmux, in which tests use the terminal UI; installs it where that is possible. */
export async function ensureTmux(): Promise<void> {
  if (await isOnPath("tmux")) return;
  if (!await canAptInstall()) {
    throw new Error("Cannot test the terminal UI: tmux is missing; install it and run this again");
  }
  say("installing tmux for the tests of the terminal UI");
  await aptInstall("tmux");
}
