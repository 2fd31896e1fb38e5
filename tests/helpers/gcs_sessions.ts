/** A resumable upload as the service keeps it. */
interface Session {
  /** Bytes that it has. */
  held: number;
  /** Its answer to the last part. */
  done: string | undefined;
}

/** What a request to an upload's URL is answered with in the emulator's place. */
export interface SessionAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * What the emulator of Google Cloud Storage lacks of resumable uploads: asked how much it has
 * (`bytes *\/*`), it would take that for the end of the upload, and a part that is sent again would be
 * stored twice.
 */
export class GcsSessions {
  readonly #sessions = new Map<string, Session>();

  /** The answer to a request that the emulator must not see. */
  answer(path: string, range: string | undefined): SessionAnswer | undefined {
    const session = this.#session(path);
    if (session === undefined || range === undefined) return undefined;
    if (session.done !== undefined) return { status: 200, headers: {}, body: session.done };
    const start = Number(/^bytes (\d+)-/.exec(range)?.[1] ?? session.held);
    if (range !== "bytes */*" && start >= session.held) return undefined;
    return { status: 308, headers: rangeOf(session.held), body: "" };
  }

  /** Notes what the emulator has taken. */
  note(path: string, range: string | undefined, answer: { status: number; body: string }): void {
    const session = this.#session(path);
    if (session === undefined || range === undefined || answer.status >= 400) return;
    session.held = Number(/-(\d+)\//.exec(range)?.[1] ?? session.held - 1) + 1;
    if (answer.status === 200) session.done = answer.body;
  }

  #session(path: string): Session | undefined {
    const id = new URL(path, "http://localhost").searchParams.get("upload_id");
    if (id === null) return undefined;
    const known = this.#sessions.get(id) ?? { held: 0, done: undefined };
    this.#sessions.set(id, known);
    return known;
  }
}

function rangeOf(held: number): Record<string, string> {
  return held === 0 ? {} : { range: `bytes=0-${held - 1}` };
}
