import assert from "node:assert/strict";
import { Redactor } from "./redact.ts";
import { redactEvent } from "./redact_event.ts";

Deno.test("redactEvent() leaves no secret in reasons, hints, warnings and steps", () => {
  const redactor = new Redactor();
  redactor.add("topsecret");
  const text = "with topsecret";
  const done = {
    type: "queue_done",
    operation: "backup",
    vhost: "/",
    queue: "q",
    queueType: "classic",
    outcome: "failed",
    messages: 0,
    bytes: 0,
    seconds: 0,
    reason: text,
    hint: text,
  } as const;
  const events = [
    done,
    { type: "warning", message: text, hint: text },
    { type: "step", message: text },
  ] as const;
  for (const event of events) {
    assert.deepEqual(
      redactEvent(event, redactor),
      JSON.parse(JSON.stringify(event).replaceAll("topsecret", "***")),
    );
  }
  const { reason: _, hint: __, ...good } = done;
  assert.deepEqual(redactEvent(good, redactor), good);
});
