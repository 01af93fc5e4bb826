/** What the measured process of `bench -- access` is ordered to do. */

/** Where the list is, and which names it has. */
export interface Place {
  /** Path of Redis's socket. */
  readonly socket: string;
  readonly clients: number;
}

export type Order =
  /** Opens a store with nothing cached; answers with the memory of the process, in MiB. */
  | ({ readonly do: 'open' } & Place)
  /** GETs and cold decisions in turns, about names that nobody asked for before; answers with `ColdFigures`. */
  | { readonly do: 'cold'; readonly first: number; readonly count: number }
  /** The same decisions again and again; answers with microseconds for one. */
  | { readonly do: 'cached'; readonly first: number; readonly count: number }
  /** Asks once about each; answers with the memory of the process a while later, in MiB. */
  | { readonly do: 'warm'; readonly first: number; readonly count: number };

/** Microseconds. */
export interface ColdFigures {
  readonly get: Percentiles;
  readonly decision: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** The client with a number: most are devices below one name, all with an entry of their own. */
export function clientName(index: number): string {
  return `d${String(index)}.site${String(index % 1000)}._device.corp.example`;
}

/** Its entry; some have more than the role that most share. */
export function clientEntry(index: number): object {
  const role = `role${String(index % 20)}`;
  if (index % 10 !== 0) return { roles: [role] };
  const zones = [`zone${String(index % 5000)}.example`, '*.shared.example'];
  return {
    roles: [role],
    allow: [{ action: 'transfer', zones, rate: '10/s' }],
    comment: `site ${String(index)}`,
  };
}

export const roles = Array.from({ length: 20 }, (_, index) => ({
  word: `role${String(index)}`,
  rules: { allow: [{ action: 'transfer', zones: ['example.com', `role${String(index)}.example`] }] },
}));
