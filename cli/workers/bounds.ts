/** Bounds of the processes that serve together. Times in milliseconds. */
export const workerBounds = {
  /** What a worker has to finish replies under way; systemd gives 90 seconds before it kills. */
  stopTimeMs: 30_000,
  /** After that it is killed. */
  killGraceMs: 5000,
  /** From its start till it listens. Lists of a million names take some seconds. */
  readyMs: 60_000,
  /** From the start of a worker to its first word with its parent. */
  parentMs: 10_000,
  /** Between the end of a worker and the start of the one that replaces it; doubled each time it does not live for `livedMs`. */
  firstBackoffMs: 100,
  mostBackoffMs: 30_000,
  livedMs: 60_000,
  /** How long one who reads metrics waits for each worker. */
  answerMs: 1000,
  /** How often each worker is asked whether it is there and what it counted, and how long it has for its answer. */
  pollMs: 5000,
  /** One that does not answer so many times in a row hangs, and is killed. */
  pollsUntilHung: 12,
  /** How long an address that is in use is tried again when danced starts: the workers of one that was killed are about to let it go. */
  takeOverMs: 1500,
  takeOverEveryMs: 100,
  /** How long a worker waits for the answer of the ledger of rates. */
  ledgerMs: 2500,
} as const;

/** The same bounds, with other amounts: for tests. */
export type WorkerBounds = Readonly<Record<keyof typeof workerBounds, number>>;
