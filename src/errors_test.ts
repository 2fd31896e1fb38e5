import assert from "node:assert/strict";
import { isOutOfReach, messageOf } from "./errors.ts";

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
