import assert from "node:assert/strict";
import { join } from "node:path";
import { PICTURES } from "./pictures.tsx";
import { plainFrame, renderFrame } from "./render_frame.tsx";

const PAGE = join(import.meta.dirname ?? ".", "..", "..", "docs", "tui.md");
/** Set: the pictures in the documentation are drawn anew. */
const WRITE = Deno.env.get("RABBITMQ_BACKUP_DRAW_PICTURES") === "1";

/** The page with each picture behind its mark. */
function withPictures(page: string): string {
  return page.replace(/<!-- picture: (\w+) -->(\n+```text\n[^]*?\n```)?/g, (mark, name: string) => {
    const picture = PICTURES[name];
    if (picture === undefined) throw new Error(`Cannot draw ${mark}: there is no such screen`);
    const frame = plainFrame(renderFrame(picture.screens, { columns: 80, rows: 24 }));
    return `<!-- picture: ${name} -->\n\n\`\`\`text\n${frame}\n\`\`\``;
  });
}

Deno.test("the pictures in docs/tui.md are what the screens look like, and none is missing", async () => {
  const page = await Deno.readTextFile(PAGE);
  if (WRITE) await Deno.writeTextFile(PAGE, withPictures(page));
  assert.equal(
    await Deno.readTextFile(PAGE),
    withPictures(page),
    "draw them anew: RABBITMQ_BACKUP_DRAW_PICTURES=1 scripts/deno test -A tui/testing",
  );
  const shown = [...page.matchAll(/<!-- picture: (\w+) -->/g)].map(([, name]) => name);
  assert.deepEqual(shown.toSorted(), Object.keys(PICTURES).toSorted());
});
