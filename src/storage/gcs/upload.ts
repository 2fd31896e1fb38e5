import { createHash } from "node:crypto";
import type { HttpAnswer } from "../http.ts";
import { ObjectFailure, type ObjectUpload, type UploadPart } from "../object_driver.ts";
import type { GcsApi, GcsResource } from "./api.ts";
import { gcsStatusFailure } from "./failure.ts";

/** "Resume Incomplete": the service has what was sent so far. */
const INCOMPLETE = 308;

/** A resumable upload: parts one behind the other, to a URL that stands for the upload. */
export class GcsUpload implements ObjectUpload {
  readonly #api: GcsApi;
  readonly #key: string;
  readonly #session: string;
  readonly #md5 = createHash("md5");
  /** The part that was begun last. */
  #begun = -1;
  #stored: GcsResource | undefined;

  constructor(api: GcsApi, options: { key: string; session: string }) {
    this.#api = api;
    this.#key = options.key;
    this.#session = options.session;
  }

  async part(part: UploadPart, signal: AbortSignal): Promise<void> {
    const { index, offset, bytes, isLast } = part;
    // An earlier try of this part may have come through, in whole or in part.
    const held = this.#begun === index ? await this.#heldBytes(signal) : offset;
    this.#begun = index;
    if (typeof held === "number") {
      const skip = Math.min(Math.max(held - offset, 0), bytes.length);
      this.#stored = await this.#send({
        ...part,
        offset: offset + skip,
        bytes: bytes.subarray(skip),
      }, signal);
    } else {
      this.#stored = held;
    }
    if (isLast && this.#stored === undefined) {
      throw new ObjectFailure("transient", "the service waits for more than there is");
    }
    this.#md5.update(bytes);
  }

  /** The service tells the hash of what it has; what has another one than ours must not stay. */
  async complete(signal: AbortSignal): Promise<void> {
    const { md5Hash, generation } = this.#stored ?? {};
    if (md5Hash === undefined || md5Hash === this.#md5.copy().digest("base64")) return;
    const url = this.#api.objectUrl(this.#key, { generation });
    await this.#api.text({ method: "DELETE", url, signal });
    throw new ObjectFailure("permanent", "what the service stored is not what was sent", {
      hint: "Run it again; if it stays, look at what is between here and the service",
    });
  }

  async abort(signal: AbortSignal): Promise<void> {
    const answer = await this.#api.transport.send({
      method: "DELETE",
      url: this.#session,
      headers: new Headers(),
      signal,
    });
    await answer.discard();
  }

  /** @returns the object, when this was its end */
  async #send(
    { offset, bytes, isLast }: UploadPart,
    signal: AbortSignal,
  ): Promise<GcsResource | undefined> {
    const end = offset + bytes.length;
    if (bytes.length === 0 && !isLast) return undefined;
    const place = bytes.length === 0 ? "*" : `${offset}-${end - 1}`;
    const answer = await this.#put({
      range: `bytes ${place}/${isLast ? end : "*"}`,
      body: bytes,
      signal,
    });
    if (answer.status !== INCOMPLETE) return JSON.parse(await answer.text());
    await answer.discard();
    const taken = endOfRange(answer);
    if (taken === end) return undefined;
    throw new ObjectFailure("transient", `the service took ${taken} of ${end} bytes`);
  }

  /** How many bytes the service has; or the object, when it has all. */
  async #heldBytes(signal: AbortSignal): Promise<number | GcsResource> {
    const answer = await this.#put({ range: "bytes */*", body: new Uint8Array(0), signal });
    if (answer.status !== INCOMPLETE) return JSON.parse(await answer.text());
    await answer.discard();
    return endOfRange(answer);
  }

  async #put(
    { range, body, signal }: { range: string; body: Uint8Array; signal: AbortSignal },
  ): Promise<HttpAnswer> {
    const answer = await this.#api.transport.send({
      method: "PUT",
      url: this.#session,
      headers: new Headers({ "content-range": range }),
      body,
      signal,
    });
    if (answer.ok || answer.status === INCOMPLETE) return answer;
    if (answer.status === 404 || answer.status === 410) {
      await answer.discard();
      throw new ObjectFailure("permanent", "the service has forgotten this upload", {
        hint: "Run it again",
      });
    }
    throw await gcsStatusFailure(answer);
  }
}

/** The number of bytes that an answer 308 says the service has. */
function endOfRange({ headers }: HttpAnswer): number {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(headers.get("range") ?? "")?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}
