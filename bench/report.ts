/**
 * What a benchmark says: rows of ours beside the peer's, as a table for people or as one line of JSON.
 */

/** One figure of ours and the peer's for the same, from the same run. */
export interface Row {
  readonly what: string;
  readonly ours: number;
  /** Null when no other software does this. */
  readonly peer: number | null;
  readonly peerName: string | null;
  /** Ours divided by the peer's. */
  readonly ratio: number | null;
  readonly unit: string;
  /** In words, as "at most 3"; null for a figure that is only told. */
  readonly aim: string | null;
  /** Null when nothing is aimed at, or when this machine cannot tell. */
  readonly met: boolean | null;
  /** Why it is not judged here, in words; only where something is aimed at. */
  readonly unjudged?: string;
}

/** What a row is made of; `aim` judges the figures. */
export interface Figures {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: { readonly name: string; readonly figure: number };
  readonly aim?: { readonly words: string; readonly isMet: (ours: number, peer: number) => boolean };
}

/** Rounds the figures to what the measurement is worth, and judges. */
export function row({ what, unit, ours, peer, aim }: Figures): Row {
  const theirs = peer?.figure ?? NaN;
  return {
    what,
    ours: significant(ours),
    peer: peer ? significant(theirs) : null,
    peerName: peer?.name ?? null,
    ratio: peer ? significant(ours / theirs) : null,
    unit,
    aim: aim?.words ?? null,
    met: aim ? aim.isMet(ours, theirs) : null,
  };
}

/** A row whose aim cannot be judged on this machine. */
export function unjudged(
  figures: Omit<Figures, 'aim'>,
  { aim, why }: { readonly aim: string; readonly why: string },
): Row {
  return { ...row(figures), aim, unjudged: why };
}

/** The middle of the figures, or the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (upper + lower) / 2;
}

export function presentRows(rows: readonly Row[]): string {
  const lines = rows.map(({ what, ours, peer, peerName, ratio, unit, aim, met, unjudged: why }) => {
    const beside = peer === null ? '' : `, ${peerName ?? 'peer'} ${String(peer)} (ratio ${String(ratio)})`;
    const verdict = why === undefined ? (met === true ? 'met' : 'MISSED') : `not judged here, ${why}`;
    const judged = aim === null ? '' : `; aim: ${aim}: ${verdict}`;
    return `${what}: ${String(ours)} ${unit}${beside}${judged}`;
  });
  return lines.join('\n');
}

/** Three digits are more than a shared machine can promise. */
function significant(figure: number): number {
  return Number(figure.toPrecision(3));
}
