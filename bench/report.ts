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
  readonly met: boolean | null;
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

/** The middle of the figures, or the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (upper + lower) / 2;
}

export function presentRows(rows: readonly Row[]): string {
  const lines = rows.map(({ what, ours, peer, peerName, ratio, unit, aim, met }) => {
    const beside = peer === null ? '' : `, ${peerName ?? 'peer'} ${String(peer)} (ratio ${String(ratio)})`;
    const judged = aim === null ? '' : `; aim: ${aim}: ${met === true ? 'met' : 'MISSED'}`;
    return `${what}: ${String(ours)} ${unit}${beside}${judged}`;
  });
  return lines.join('\n');
}

/** Three digits are more than a shared machine can promise. */
function significant(figure: number): number {
  return Number(figure.toPrecision(3));
}
