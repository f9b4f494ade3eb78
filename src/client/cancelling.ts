/** Aborts with the signal given, and by itself; released, no longer with the one given. */
export const abortableBy = (signal: AbortSignal | undefined): { readonly signal: AbortSignal; readonly abort: () => void; readonly release: () => void } => {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort);
  return { signal: controller.signal, abort, release: () => signal?.removeEventListener('abort', abort) };
};

/** What the promise answers; rejects as soon as the signal is aborted, whatever becomes of the promise. */
export const unlessAborted = <Result>(signal: AbortSignal, promise: Promise<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(new Error('It was cancelled.'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
