/** One executable by `deno compile`. */
import { join } from "node:path";
import { run } from "../lib/process.ts";
import { ignoreMissing } from "../lib/roots.ts";
import type { Bundle } from "./bundle.ts";
import { runtimeFlags } from "./runtime_flags.ts";

/** What `deno task build --all` is for; the names are those of the files. */
export const TARGETS = [
  { name: "linux-x64", triple: "x86_64-unknown-linux-gnu" },
  { name: "linux-arm64", triple: "aarch64-unknown-linux-gnu" },
  { name: "macos-x64", triple: "x86_64-apple-darwin" },
  { name: "macos-arm64", triple: "aarch64-apple-darwin" },
  { name: "windows-x64.exe", triple: "x86_64-pc-windows-msvc" },
] as const;

/** Names a runtime stub that is here; Deno itself reads it. */
const STUB_VARIABLE = "DENORT_BIN";

/** Compiles a bundle for a target, or for this machine, into the executable at `path`. */
export async function compile(
  path: string,
  { from, triple }: { from: Bundle; triple?: string },
): Promise<void> {
  if (triple !== undefined && triple !== Deno.build.target && Deno.env.get(STUB_VARIABLE)) {
    throw new Error(
      `Cannot build for ${triple}: ${STUB_VARIABLE} names the stub of one system; unset it`,
    );
  }
  await Deno.remove(path).catch(ignoreMissing); // deno compile replaces only what it has made
  const { code, stderr } = await run([
    Deno.execPath(),
    ...["compile", "--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm"],
    ...runtimeFlags(),
    ...triple === undefined ? [] : ["--target", triple],
    ...from.files.flatMap((file) => ["--include", join(from.dir, file)]),
    ...["--output", path],
    join(from.dir, "main.js"),
  ]);
  if (code !== 0) throw new Error(`Cannot build by deno compile: ${reasonOf(stderr)}`);
}

/** One line of what Deno says in many, with the way out where its stub is missing. */
function reasonOf(stderr: string): string {
  const [said = ""] = stderr.split("\nStack backtrace:");
  const lines = said.split("\n").map((line) => line.trim().replace(/^\d+: /, ""));
  if (!said.includes("denort")) return lines.join(" ").replace(/^error: /, "").trim();
  const innermost = lines.findLast((line) => line !== "");
  const [from] = /https:\/\/[^\s)]+|(?<=denort at )'[^']*'/.exec(said) ?? ["its host"];
  return `Deno's runtime stub, denort, cannot be had from ${from} (${innermost}); name one with ` +
    `${STUB_VARIABLE}, or make the self-extracting executable for Linux: deno task build:portable`;
}
