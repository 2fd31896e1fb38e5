import assert from "node:assert/strict";
import { importsOf, roomOf, violation } from "./check_layers.ts";

Deno.test("every shape of import is seen, and comments are not", () => {
  const source = [
    'import a from "./a.ts";',
    'import * as b from "./b.ts";',
    "import {",
    "  c,",
    "  type C,",
    '} from "./c.ts";',
    'import type { D } from "./d.ts";',
    'import { type E, type F } from "./e.ts";',
    'import "./f.ts";',
    'export * from "./g.ts";',
    'export type { H } from "./h.ts";',
    'const i = await import("./i.ts");',
    'new Worker(new URL("./j.ts", import.meta.url), { type: "module" });',
    '// import "./comment.ts";',
    '/* import k from "./comment.ts"; */',
    'export const from = "./no.ts";',
    'export function l() { return Array.from("./no.ts"); }',
  ].join("\n");
  assert.deepEqual(importsOf(source), [
    { specifier: "./a.ts", typeOnly: false },
    { specifier: "./b.ts", typeOnly: false },
    { specifier: "./c.ts", typeOnly: false },
    { specifier: "./d.ts", typeOnly: true },
    { specifier: "./e.ts", typeOnly: true },
    { specifier: "./g.ts", typeOnly: false },
    { specifier: "./h.ts", typeOnly: true },
    { specifier: "./f.ts", typeOnly: false },
    { specifier: "./i.ts", typeOnly: false },
    { specifier: "./j.ts", typeOnly: false },
  ]);
});

Deno.test("files belong to rooms", () => {
  assert.equal(roomOf("main.ts"), "main");
  assert.equal(roomOf("src/errors.ts"), "shared");
  assert.equal(roomOf("src/broker/amqp/session.ts"), "broker");
  assert.equal(roomOf("tui/screens/list.tsx"), "tui");
  assert.equal(roomOf("scripts/test.ts"), undefined);
});

const value = (specifier: string) => ({ specifier, typeOnly: false });
const type = (specifier: string) => ({ specifier, typeOnly: true });

Deno.test("imports that point down are allowed", () => {
  assert.equal(violation("main.ts", value("./tui/app.tsx")), undefined);
  assert.equal(violation("src/cli/backup.ts", value("../archive/manifest.ts")), undefined);
  assert.equal(violation("tui/app.tsx", value("../src/engine/backup.ts")), undefined);
  assert.equal(violation("src/engine/backup.ts", value("../broker/amqp/session.ts")), undefined);
  assert.equal(violation("src/broker/amqp/a.ts", value("../management/b.ts")), undefined);
  assert.equal(violation("src/storage/open.ts", value("../config/schema.ts")), undefined);
  assert.equal(violation("src/config/load.ts", value("../errors.ts")), undefined);
  assert.equal(violation("src/storage/open.ts", type("../archive/manifest.ts")), undefined);
  assert.equal(violation("src/errors.ts", value("npm:zod")), undefined);
});

Deno.test("imports that point up, sideways or out are not", () => {
  assert.match(violation("src/engine/a.ts", type("../cli/b.ts")) ?? "", /engine is below cli/);
  assert.match(violation("src/errors.ts", value("./config/a.ts")) ?? "", /shared is below config/);
  assert.match(violation("src/cli/a.ts", value("../../tui/b.tsx")) ?? "", /side by side/);
  assert.match(violation("src/storage/a.ts", value("../archive/b.ts")) ?? "", /nothing else/);
  assert.match(violation("src/cli/a.ts", value("../../scripts/b.ts")) ?? "", /not part of/);
  assert.match(violation("src/new/a.ts", value("../errors.ts")) ?? "", /'new' is not in/);
});
