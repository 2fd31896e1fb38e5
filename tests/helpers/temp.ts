import { join } from "node:path";

/** A folder that is removed, with what is in it, when it goes out of scope (`await using`). */
export class TempDir implements AsyncDisposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Writes a text file inside and gives its path. */
  async write(name: string, text: string): Promise<string> {
    await Deno.writeTextFile(this.join(name), text);
    return this.join(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

export async function tempDir(prefix = "rabbitmq-backup-test-"): Promise<TempDir> {
  return new TempDir(await Deno.makeTempDir({ prefix }));
}
