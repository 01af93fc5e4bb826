/** How quickly a server has answered lately, and in which order several are asked. Pure but for chance, which is passed in. */

/** Milliseconds, by a clock that is never set. */
export class Rapport {
  #smoothedMs: number | undefined;
  #notedMs = -Infinity;
  #failuresInRow = 0;
  #restsUntilMs = -Infinity;

  noteAnswer(tookMs: number, nowMs: number): void {
    const before = this.#known(nowMs);
    this.#smoothedMs = before === undefined ? tookMs : before + (tookMs - before) * weightOfNew;
    this.#notedMs = nowMs;
    this.#failuresInRow = 0;
    this.#restsUntilMs = -Infinity;
  }

  /** It has not answered for so long; perhaps it will. */
  noteSilence(waitedMs: number, nowMs: number): void {
    this.#smoothedMs = Math.max(this.#known(nowMs) ?? 0, waitedMs);
    this.#notedMs = nowMs;
  }

  /** It cannot be reached: it is asked last for a while, which doubles (RFC 9520 section 3.2). */
  noteFailure(nowMs: number): void {
    const restMs = Math.min(longestRestMs, shortestRestMs * 2 ** Math.min(this.#failuresInRow, 20));
    this.#failuresInRow += 1;
    this.#restsUntilMs = nowMs + restMs;
  }

  /** As if nothing was known: in another network all is different. */
  forget(): void {
    this.#smoothedMs = undefined;
    this.#failuresInRow = 0;
    this.#restsUntilMs = -Infinity;
  }

  isResting(nowMs: number): boolean {
    return nowMs < this.#restsUntilMs;
  }

  /** 0 for one that nothing is known of: it is given a chance. */
  expectedMs(nowMs: number): number {
    return this.#known(nowMs) ?? 0;
  }

  #known(nowMs: number): number | undefined {
    return nowMs - this.#notedMs > forgottenMs ? undefined : this.#smoothedMs;
  }
}

const weightOfNew = 0.3;
/** What was so long ago says nothing. */
const forgottenMs = 600_000;
const shortestRestMs = 1_000;
const longestRestMs = 60_000;
/** Servers that are no slower than this beside the quickest are asked as often as that one. */
const bandMs = 60;

/** The quick ones in any order, then the slower, then those that cannot be reached. `chance` gives numbers from 0 to below 1. */
export function inOrder<Server extends { readonly rapport: Rapport }>(
  servers: readonly Server[],
  nowMs: number,
  chance: () => number,
): readonly Server[] {
  const rated = servers.map((server) => ({
    server,
    isResting: server.rapport.isResting(nowMs),
    expectedMs: server.rapport.expectedMs(nowMs),
    lot: chance(),
  }));
  const awake = rated.filter(({ isResting }) => !isResting);
  const quickest = Math.min(...awake.map(({ expectedMs }) => expectedMs));
  const rank = ({ isResting, expectedMs }: (typeof rated)[number]): number => {
    if (isResting) return Infinity;
    return expectedMs <= quickest + bandMs ? quickest : expectedMs;
  };
  return rated.toSorted((a, b) => compare(rank(a), rank(b)) || a.lot - b.lot).map(({ server }) => server);
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
