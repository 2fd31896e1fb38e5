import assert from "node:assert/strict";
import type { TuiCall } from "../../src/console/tui_call.ts";
import { SecretUrl } from "../../src/config/secret.ts";
import { connectionOf } from "../screens/connect/connection.ts";
import { NOT_FILLED } from "../screens/connect/state.ts";
import { NO_WISHES } from "../screens/restore_plan/state.ts";
import { quietNavigator } from "../testing/render_frame.tsx";
import { ENGINE } from "./engine.ts";
import { Session } from "./session.ts";

Deno.test("a target whose password is not known is told, and its source is not taken instead", async () => {
  const endpoint = { amqp_url: new SecretUrl("amqp://me@mq") };
  const locked = { target: { endpoint, variables: ["TARGET_PASSWORD"] } };
  const loaded = { config: { source: endpoint }, warnings: [], locked };
  const call = {
    env: () => undefined,
    load: () => Promise.resolve(loaded),
    redactor: { addConfig: () => {} },
  };
  const navigator = quietNavigator();
  const session = new Session({ call: call as unknown as TuiCall, engine: ENGINE, navigator });
  await assert.rejects(
    session.loadRestore([]),
    /Cannot use the target: TARGET_PASSWORD is not set/,
  );
  loaded.locked = {} as typeof locked;
  assert.deepEqual((await session.loadRestore([])).flags, ["--into", "source"]);
});

Deno.test("wishes for a restore last until another backup or another broker is chosen", () => {
  const call = { configPath: "/backup.yaml", env: () => undefined } as unknown as TuiCall;
  const session = new Session({ call, engine: ENGINE, navigator: quietNavigator() });
  const wishes = { window: "-2h ..", options: { "queue-mapping": "a=b" } };
  session.restoreDraft("monday").wishes = wishes;
  assert.equal(session.restoreDraft("monday").wishes, wishes);
  session.connection = connectionOf({ ...NOT_FILLED.values, host: "other" });
  assert.equal(session.restoreDraft("monday").wishes, NO_WISHES);
  session.restoreDraft("monday").wishes = wishes;
  session.restoreDraft("tuesday");
  assert.equal(session.restoreDraft("monday").wishes, NO_WISHES);
});

Deno.test("commands that do the same have the flags that they take, and no others", () => {
  const flags = { broker: ["--tls-ca-cert", "/ca.pem"], storage: [] };
  const call = { configPath: "/etc/my backup.yaml", flags, env: () => undefined };
  const navigator = quietNavigator();
  const session = new Session({ call: call as unknown as TuiCall, engine: ENGINE, navigator });
  session.connection = connectionOf({ ...NOT_FILLED.values, host: "mq", storage: "/b" });
  assert.equal(
    session.commandLine("validate", ["--deep"]),
    "rabbitmq-backup validate --config '/etc/my backup.yaml' --path /b --deep",
  );
  assert.equal(
    session.commandLine("backup"),
    "rabbitmq-backup backup --config '/etc/my backup.yaml' --tls-ca-cert /ca.pem " +
      '--amqp-url "$RABBITMQ_BACKUP_AMQP_URL" --path /b',
  );
});
