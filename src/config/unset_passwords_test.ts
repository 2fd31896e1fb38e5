import assert from "node:assert/strict";
import { filledIn, unsetPasswords, variablesOf } from "./unset_passwords.ts";

async function unsetIn(text: string, variables: Record<string, string> = {}) {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    return await unsetPasswords(path, (name) => variables[name]);
  } finally {
    await Deno.remove(path);
  }
}

const FILE = [
  "source: { amqp_url: 'amqp://${USER}:${PW}@mq/shop', management_password: '${PW}' }",
  "target: { amqp_url: 'amqp://me:${OTHER}@there' }",
  "storage: /b",
].join("\n");

Deno.test("passwords whose variables are not set are found, and a typed one is filled in", async () => {
  const unset = await unsetIn(FILE, { USER: "me" });
  assert.deepEqual(variablesOf(unset, "source"), ["PW"]);
  assert.deepEqual(variablesOf(unset, "target"), ["OTHER"]);
  const values = filledIn(unset, { variables: ["PW"], password: "a/$&" })
    .map(({ path, value }) => [path.join("."), value]);
  assert.deepEqual(values, [
    ["source.amqp_url", "amqp://me:a%2F%24%26@mq/shop"],
    ["source.management_password", "a/$&"],
  ]);
});

Deno.test("where all is set, or something else is not, no password is asked for", async () => {
  assert.deepEqual(await unsetIn(FILE, { USER: "me", PW: "x", OTHER: "y" }), []);
  assert.deepEqual(await unsetIn(FILE), []);
  assert.deepEqual(await unsetIn("storage: '${PLACE}'"), []);
  assert.deepEqual(await unsetIn("source: { amqp_url: '${URL}' }"), []);
  assert.deepEqual(await unsetPasswords("/not/there.yaml", () => undefined), []);
});
