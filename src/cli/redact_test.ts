import assert from "node:assert/strict";
import { loadConfig } from "../config/load.ts";
import { Redactor } from "./redact.ts";

Deno.test("Redactor hides every form of a configuration's secrets", async () => {
  const { config } = await loadConfig({
    env: () => undefined,
    overrides: [
      { path: ["source", "amqp_url"], value: "amqp://me:s%40cret99@mq/x", origin: "test" },
      { path: ["target", "amqp_url"], value: "amqp://mq", origin: "test" },
      { path: ["target", "management_password"], value: "anothersecret", origin: "test" },
    ],
  });
  const redactor = new Redactor();
  redactor.addConfig(config);
  const texts = [
    "password s@cret99 refused",
    "amqp://me:s%40cret99@mq/x",
    `Authorization: Basic ${btoa("me:s@cret99")}`,
    `Authorization: Basic ${btoa("guest:anothersecret")}`,
    "anothersecret",
  ];
  for (const text of texts) {
    const redacted = redactor.redact(text);
    assert.ok(!/cret99|anothersecret|Basic [A-Za-z0-9]/.test(redacted), redacted);
    assert.match(redacted, /\*\*\*/);
  }
});

Deno.test("Redactor hides credentials of unknown URLs and leaves other text alone", () => {
  const redactor = new Redactor();
  assert.equal(redactor.redact("at https://u:pw@h/p and x"), "at https://u:***@h/p and x");
  const odd = ["p/w", "p@w", "p'w", "p:w", "2024/pw", 'p\\"w'];
  for (const password of odd) {
    for (const user of ["u", "o'brien", "me@corp"]) {
      const text = `{"a":"amqps://${user}:${password}@h:5671/x","b":"c@d"}`;
      assert.equal(redactor.redact(text), `{"a":"amqps://${user}:***@h:5671/x","b":"c@d"}`);
    }
  }
  const harmless = 'guest on amqp://me@mq:5672, a:b@c, http://h:15672/x, 12:30, "http://h:1" y@z';
  assert.equal(redactor.redact(harmless), harmless);
});

Deno.test("Redactor leaves short secrets, which would garble ordinary text", () => {
  const redactor = new Redactor();
  redactor.add("guest");
  assert.equal(redactor.redact("the guest user"), "the guest user");
});
