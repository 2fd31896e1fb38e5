import { buildPortable } from "../../scripts/build/build.ts";
import { cliCommand } from "./cli.ts";

let built: Promise<string> | undefined;

/** The self-extracting executable: the one that is tested anyway, or one that is built now. */
export function portable(): Promise<string> {
  return built ??= findOrBuild();
}

async function findOrBuild(): Promise<string> {
  const [program, ...front] = cliCommand();
  if (front.length === 0 && await isScript(program)) return program;
  const [path] = await buildPortable();
  return path!;
}

async function isScript(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const start = new Uint8Array(2);
  await file.read(start);
  return new TextDecoder().decode(start) === "#!";
}

/** What {@linkcode run} may be told of the process. */
export interface RunOptions {
  /** All of its environment. */
  readonly env?: Record<string, string>;
  /** Words before the command, such as `setpriv …`. */
  readonly front?: readonly string[];
  readonly cwd?: string;
}

/** Runs the executable at `path` with nothing of this process's environment but PATH. */
export async function run(
  [path, ...args]: readonly string[],
  { env = {}, front = [], cwd }: RunOptions = {},
): Promise<{ code: number; out: string; err: string }> {
  const [program, ...words] = [...front, path!, ...args];
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args: words,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", ...env },
    ...cwd === undefined ? {} : { cwd },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
