import { fileURLToPath } from "node:url";
import { ensurePython } from "../../scripts/lib/python.ts";

const READER = fileURLToPath(new URL("read_backup.py", import.meta.url));

/** Runs the Python reader, written from FORMAT.md alone, on the folder of a backup. */
export async function readBackup<Line>(
  path: string,
): Promise<{ code: number; lines: Line[]; errors: string }> {
  const python = new Deno.Command(await ensurePython(), { args: [READER, path] });
  const { code, stdout, stderr } = await python.output();
  const text = new TextDecoder().decode(stdout);
  return {
    code,
    lines: text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)),
    errors: new TextDecoder().decode(stderr),
  };
}
