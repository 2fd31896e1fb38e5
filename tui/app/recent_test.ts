import assert from "node:assert/strict";
import { tempDir } from "../../tests/helpers/temp.ts";
import { RecentConfigs } from "./recent.ts";

const at = (milliseconds: number) => new Date(milliseconds);

Deno.test("configurations that were used are remembered, the newest first, each once", async () => {
  await using folder = await tempDir();
  const opened = () =>
    new RecentConfigs((name) => name === "XDG_STATE_HOME" ? folder.path : undefined);
  assert.deepEqual(await opened().list(), []);
  await opened().add("/a.yaml", at(1));
  await opened().add("/b.yaml", at(2));
  await opened().add("/a.yaml", at(3));
  assert.deepEqual((await opened().list()).map(({ path }) => path), ["/a.yaml", "/b.yaml"]);
  await opened().forget("/a.yaml");
  assert.deepEqual(await opened().list(), [{ path: "/b.yaml", usedAt: 2 }]);
  for (let one = 0; one < 30; one++) await opened().add(`/${one}.yaml`, at(10 + one));
  assert.equal((await opened().list()).length, 20);
});

Deno.test("where nothing can be remembered, nothing is, and a file that is broken is none", async () => {
  await using folder = await tempDir();
  const file = await folder.write("state", "x");
  const nowhere = new RecentConfigs((name) => name === "XDG_STATE_HOME" ? file : undefined);
  await nowhere.add("/a.yaml", at(1));
  assert.deepEqual(await nowhere.list(), []);
  await Deno.mkdir(folder.join("rabbitmq-backup"));
  await folder.write("rabbitmq-backup/recent.json", '{"configs": [1, {"path": 2}]}');
  const broken = new RecentConfigs((name) => name === "XDG_STATE_HOME" ? folder.path : undefined);
  assert.deepEqual(await broken.list(), []);
});
