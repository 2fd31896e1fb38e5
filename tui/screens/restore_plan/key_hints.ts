/** Keys of settings that have one of their own; all others are among the options. */
const KEYS: Readonly<Record<string, string>> = {
  "if-not-empty": "i",
  "restore-definitions": "d",
  "time-window-start": "w",
  "time-window-end": "w",
  "time-window-field": "w",
};

/** A setting of a restore in a file, and as a flag. */
const IN_FILE = /(?<![\w.])(?:restore\.([a-z_]+)|(time_window_[a-z]+))(?!\w|\.\w)/g;
const AS_FLAG = /--(if-not-empty|user-id)\b/g;

/** A hint that is meant for files and flags, with the key that leads to each setting here. */
export function withKeys(hint: string): string {
  const named = (name: string) => `${name} (key ${KEYS[name] ?? "o"})`;
  return hint
    .replace(AS_FLAG, (_flag, name: string) => named(name))
    .replace(
      IN_FILE,
      (_path, name?: string, window?: string) => named((name ?? window!).replaceAll("_", "-")),
    );
}
