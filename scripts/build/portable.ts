/** One file for Linux that unpacks and runs the bundle with a Deno runtime: see `portable_head.sh`. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { VERSION } from "../../src/version.ts";
import type { Bundle } from "./bundle.ts";
import { runtimeFlags } from "./runtime_flags.ts";

/** The script at its head fills so much, so that what follows does not move with its length. */
const HEAD_BYTES = 16_384;

/** As `uname -m` calls them. */
const ARCHITECTURES = { x86_64: "x86_64", aarch64: "aarch64" } as const;

const FLAGS = ["--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--cached-only"];

interface Packed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Writes the executable for Linux with this machine's processor to `path`. */
export async function writePortable(path: string, { dir, files }: Bundle): Promise<void> {
  if (Deno.build.os !== "linux") {
    throw new Error("Cannot build the portable executable: it is made of Linux's Deno, on Linux");
  }
  const hash = createHash("sha256");
  let unpackedBytes = 0;
  const pack = async (name: string, from: string): Promise<Packed> => {
    const content = await Deno.readFile(from);
    hash.update(`${name} ${content.length}\n`).update(content);
    unpackedBytes += content.length;
    // Level 9 takes three times as long for half a percent.
    return { name, bytes: gzipSync(content, { level: 6 }) };
  };
  // The runtime is last: what is unpacked is found by reading up to it.
  const packed: Packed[] = [];
  for (const file of files) packed.push(await pack(file, join(dir, file)));
  packed.push(await pack("deno", Deno.execPath()));
  const head = await headOf(packed, { content: hash.digest("hex").slice(0, 32), unpackedBytes });
  await writeExecutable(path, [head, ...packed.map(({ bytes }) => bytes)]);
}

async function headOf(
  packed: readonly Packed[],
  { content, unpackedBytes }: { content: string; unpackedBytes: number },
): Promise<Uint8Array> {
  let first = HEAD_BYTES + 1; // tail counts from 1
  const files = packed.map(({ name, bytes }) => {
    const line = `${name} ${first} ${bytes.length}`;
    first += bytes.length;
    return line;
  });
  const values: Record<string, string> = {
    VERSION,
    ARCH: ARCHITECTURES[Deno.build.arch],
    CONTENT: content,
    FILES: files.join("\n"),
    FLAGS: [...FLAGS, ...runtimeFlags()].join(" "),
    MEGABYTES: String(Math.ceil(unpackedBytes / 1e6)),
  };
  const template = await Deno.readTextFile(new URL("portable_head.sh", import.meta.url));
  const script = template.replaceAll(/@([A-Z]+)@/g, (_, name: string) => values[name]!);
  if (script.length > HEAD_BYTES) {
    throw new Error("Cannot build: the script at the head is too long");
  }
  return new TextEncoder().encode(script.padEnd(HEAD_BYTES, "\n"));
}

/** A file that is being replaced stays whole for those that run it. */
async function writeExecutable(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const fresh = `${path}.new`;
  using file = await Deno.open(fresh, { write: true, create: true, truncate: true, mode: 0o755 });
  const writer = file.writable.getWriter();
  for (const part of parts) await writer.write(part);
  await writer.close();
  await Deno.rename(fresh, path);
}
