/** What is in a bundle: a bill of materials (CycloneDX), and the licenses of what others wrote. */
import { join } from "node:path";
import { VERSION } from "../../src/version.ts";
import type { Bundle } from "./bundle.ts";

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
  /** Its license files, one after the other. */
  readonly text: string;
}

/** Writes `sbom.cdx.json` and `third-party-licenses.txt` into a folder. The same bundle gives the same bytes. */
export async function writeMaterials(dir: string, { packages }: Bundle): Promise<void> {
  const lock = JSON.parse(await Deno.readTextFile(join(dir, "deps", "deno.lock"))) as Lock;
  const found = await Promise.all(packages.map(readPackage));
  const runtime = {
    type: "framework",
    name: "deno",
    version: Deno.version.deno,
    purl: `pkg:github/denoland/deno@v${Deno.version.deno}`,
    licenses: [{ license: { id: "MIT" } }],
  };
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": "rabbitmq-backup",
        name: "rabbitmq-backup",
        version: VERSION,
        licenses: [{ license: { id: "MIT" } }],
      },
    },
    components: [...found.map((one) => componentOf(one, lock)), runtime],
  };
  await Deno.writeTextFile(join(dir, "sbom.cdx.json"), JSON.stringify(document, null, 2) + "\n");
  const licenses = found.map(({ name, version, license, text }) =>
    `${name} ${version} (${license ?? "license not named"})\n\n${text.trim()}\n`
  );
  await Deno.writeTextFile(
    join(dir, "third-party-licenses.txt"),
    licenses.join(`\n${"-".repeat(80)}\n\n`),
  );
}

interface Lock {
  readonly npm: Readonly<Record<string, { readonly integrity?: string }>>;
}

async function readPackage(folder: string): Promise<Package> {
  const { name, version, license } = JSON.parse(
    await Deno.readTextFile(join(folder, "package.json")),
  ) as { name: string; version: string; license?: string };
  const files = (await Array.fromAsync(Deno.readDir(folder)))
    .filter((entry) => entry.isFile && /^(licen[cs]e|notice|copying)/i.test(entry.name))
    .map((entry) => entry.name).toSorted();
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(join(folder, file))));
  return { name, version, license, text: texts.join("\n") };
}

function componentOf({ name, version, license }: Package, lock: Lock) {
  // The same version may stand there for several sets of peers, with one content.
  const key = Object.keys(lock.npm).find((key) =>
    key === `${name}@${version}` || key.startsWith(`${name}@${version}_`)
  );
  const integrity = key === undefined ? undefined : lock.npm[key]?.integrity;
  const [algorithm, hash] = integrity?.split("-", 2) ?? [];
  return {
    type: "library",
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    ...license === undefined ? {} : { licenses: [{ expression: license }] },
    ...algorithm === "sha512" && hash !== undefined
      ? { hashes: [{ alg: "SHA-512", content: Uint8Array.fromBase64(hash).toHex() }] }
      : {},
  };
}

/** The folders of the packages that files are of, sorted. */
export function packageFolders(files: Iterable<string>): string[] {
  const folders = [...files].flatMap((file) => {
    const [folder] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file) ?? [];
    return folder === undefined ? [] : [folder];
  });
  return [...new Set(folders)].toSorted();
}
