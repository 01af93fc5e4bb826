/**
 * Work that ends with a signal, or when its time is over, whichever comes first. `AbortSignal.any` with `AbortSignal.timeout` is held
 * by Node until the time is over, which for thousands of short looks with a long time is too much.
 */
export async function withDeadline<T>(
  signal: AbortSignal,
  timeMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ends = new AbortController();
  const end = (): void => {
    ends.abort(signal.reason);
  };
  const timer = setTimeout(() => {
    ends.abort(new Error(`it was not done within ${String(timeMs)} ms`));
  }, timeMs);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await work(ends.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
