import assert from "node:assert/strict";
import type { BrokerEndpoint } from "../../config/config.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { rightsProblem } from "./rights.ts";

/** Why user `writer` could not restore into vhost `v`. */
function problem(
  { write, created, importer = "admin" }: { write?: string; created: boolean; importer?: string },
): string | undefined {
  const endpoint = { amqp_url: { username: "writer" }, management_username: importer };
  const right = { vhost: "v", user: "writer", configure: "", read: "", write };
  return rightsProblem(endpoint as BrokerEndpoint, {
    vhosts: new Set(["v"]),
    definitions: { permissions: write === undefined ? [] : [right] },
    plan: {
      created: created ? [{ kind: "vhosts", name: "v" }] : [],
      updated: [],
    } as unknown as ImportReport,
  })?.problem;
}

Deno.test("rightsProblem: who publishes is to have permissions on what is created", () => {
  assert.match(problem({ created: true }) ?? "", /user "writer" gets no permissions there$/);
  assert.equal(problem({ created: true, importer: "writer" }), undefined);
  assert.equal(problem({ created: false }), undefined);
});

Deno.test("rightsProblem: what the definitions grant counts", () => {
  for (const write of [".*", "^amq\\.default$", "amq", "(?i)AMQ"]) {
    assert.equal(problem({ created: true, write }), undefined, write);
  }
  for (const write of ["", "^$", "^orders$"]) {
    for (const importer of ["admin", "writer"]) {
      assert.match(problem({ created: false, write, importer }) ?? "", /may not write to the defa/);
    }
  }
});
