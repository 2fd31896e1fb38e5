/**
 * Reads a stream so that an abort ends the waiting for its next chunk at once. When the reader stops
 * early for whatever reason, the stream's own `return()` is called, so that it can clean up.
 *
 * @throws the signal's reason, or what the stream throws
 */
export async function* pull(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  signal?.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  // One promise a step: a race against one long-lived promise would keep every chunk alive with it.
  let rejectStep: (reason: unknown) => void = () => {};
  const onAbort = () => rejectStep(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  let ended = false;
  try {
    while (true) {
      signal?.throwIfAborted();
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        rejectStep = reject;
        Promise.resolve(iterator.next()).then(resolve, reject);
      });
      if (step.done) {
        ended = true;
        return;
      }
      yield step.value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (!ended) await stop(iterator, signal);
  }
}

async function stop(iterator: AsyncIterator<Uint8Array>, signal?: AbortSignal): Promise<void> {
  const returned = Promise.resolve(iterator.return?.()).catch(() => {});
  // After an abort a pending next() may never settle, and return() would wait behind it.
  if (!signal?.aborted) await returned;
}
