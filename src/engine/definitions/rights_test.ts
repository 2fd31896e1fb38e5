import assert from "node:assert/strict";
import type { BrokerEndpoint } from "../../config/config.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { rightsProblem, userIdProblem } from "./rights.ts";

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

Deno.test("userIdProblem: the tags that the user will have count", () => {
  const problem = (tags: string[], brought?: { tags: unknown; isSent: boolean }) => {
    const endpoint = { amqp_url: { username: "writer" } } as BrokerEndpoint;
    const user = { name: "writer", tags: brought?.tags };
    const plan = {
      created: [],
      updated: brought?.isSent ? [{ kind: "users", name: "writer" }] : [],
    } as unknown as ImportReport;
    const definitions = { users: brought === undefined ? [] : [user] };
    return userIdProblem(endpoint, { tags, definitions, plan })?.problem;
  };
  assert.equal(problem(["impersonator"]), undefined);
  assert.match(problem(["administrator"]) ?? "", /user "writer" has not the tag "impersonator"$/);
  for (const tags of ["administrator,impersonator", ["impersonator"]]) {
    assert.equal(problem([], { tags, isSent: true }), undefined);
  }
  assert.match(problem([], { tags: "impersonator", isSent: false }) ?? "", /has not the tag/);
  assert.match(
    problem(["impersonator"], { tags: [], isSent: true }) ?? "",
    /"impersonator", which the definitions take away$/,
  );
});
