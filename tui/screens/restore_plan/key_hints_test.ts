import assert from "node:assert/strict";
import { withKeys } from "./key_hints.ts";

Deno.test("hints of a restore name the keys in place of sections and flags", () => {
  const hints = [
    [
      "empty it, or choose --if-not-empty append or skip",
      "empty it, or choose if-not-empty (key i) append or skip",
    ],
    [
      "set restore.create_missing_queues: true, or import the definitions first",
      "set create-missing-queues (key o): true, or import the definitions first",
    ],
    [
      "change restore.time_window_start or restore.time_window_end.",
      "change time-window-start (key w) or time-window-end (key w).",
    ],
    [
      "choose by time_window_field: backed_up_at",
      "choose by time-window-field (key w): backed_up_at",
    ],
    ["choose --user-id fail, drop or header", "choose user-id (key o) fail, drop or header"],
  ];
  for (const [hint, shown] of hints) assert.equal(withKeys(hint!), shown);
});

Deno.test("what is no setting of a restore stays as it is", () => {
  const hints = [
    "raise stream.frame_max in the target's configuration",
    "restore.messages.headers is a list",
    "leave streams out: --type classic --type quorum",
  ];
  for (const hint of hints) assert.equal(withKeys(hint), hint);
});
