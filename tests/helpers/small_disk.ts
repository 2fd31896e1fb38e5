import { tempDir } from "./temp.ts";

/** A file system of its own in memory, of a size that is soon full; unmounted after use. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(options: { kilobytes: number }): Promise<SmallDisk> {
    const { path } = await tempDir();
    mountSync("-t", "tmpfs", "-o", `size=${options.kilobytes}k`, "tmpfs", path);
    return new SmallDisk(path);
  }

  join(name: string): string {
    return `${this.path}/${name}`;
  }

  /** From now on nothing can be written. */
  makeReadOnly(): void {
    mountSync("-o", "remount,ro", this.path);
  }

  makeWritable(): void {
    mountSync("-o", "remount,rw", this.path);
  }

  /** Room is made. */
  grow(options: { kilobytes: number }): void {
    mountSync("-o", `remount,size=${options.kilobytes}k`, this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    run("umount", "--lazy", this.path); // lazy: a failed test may have files open
    await Deno.remove(this.path);
  }
}

/** Whether this process may mount at all: needs Linux and root, and not in every container. */
export function canMount(): boolean {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const path = Deno.makeTempDirSync({ prefix: "rabbitmq-backup-test-" });
  try {
    mountSync("-t", "tmpfs", "-o", "size=64k", "tmpfs", path);
    run("umount", path);
    return true;
  } catch {
    return false;
  } finally {
    Deno.removeSync(path);
  }
}

function mountSync(...args: string[]): void {
  run("mount", ...args);
}

function run(command: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(command, { args, stderr: "piped" }).outputSync();
  if (success) return;
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
