/** A reply that comes batch by batch as the test pushes it. */
export interface ReplyChannel {
  readonly stream: AsyncGenerator<readonly Buffer[], void, undefined>;
  readonly push: (batch: readonly Buffer[]) => void;
  readonly fail: (error: Error) => void;
  /** Whether the reader is done with it, or it with the reader. */
  readonly isStopped: () => boolean;
}

export function replyChannel(): ReplyChannel {
  const batches: (readonly Buffer[] | Error)[] = [];
  let wake = (): void => undefined;
  let stopped = false;
  async function* run(): AsyncGenerator<readonly Buffer[], void, undefined> {
    try {
      for (;;) {
        const batch = batches.shift();
        if (batch instanceof Error) throw batch;
        if (batch) yield batch;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      stopped = true;
    }
  }
  const add = (batch: readonly Buffer[] | Error): void => {
    batches.push(batch);
    wake();
  };
  return { stream: run(), push: add, fail: add, isStopped: () => stopped };
}
