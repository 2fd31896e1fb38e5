import assert from "node:assert/strict";
import { isOutOfReach, messageOf, reasonOf } from "./errors.ts";

Deno.test("messageOf() says of the system's own places what is the case, and not what Deno would do", () => {
  const text = 'Requires all access to "/dev/x", run again with the --allow-all flag';
  const error = new Deno.errors.NotCapable(text);
  assert.equal(isOutOfReach(error), true);
  assert.equal(
    messageOf(error),
    "/dev/x lies below /dev, /proc or /sys, which this program may not use",
  );
  const other = new Deno.errors.NotCapable('Requires ffi access to "/x"');
  assert.equal(isOutOfReach(other), false);
  assert.equal(messageOf(other), other.message);
});

Deno.test("reasonOf() leaves out what names the path once more", async () => {
  const error = await Deno.readFile("/nonexistent/x").catch((error) => error);
  assert.equal(reasonOf(error), "No such file or directory");
  assert.equal(reasonOf(new Error("it's (os error 5): twice")), "it's (os error 5): twice");
});
