/**
 * Tables of limits, and the bounds of core/config itself.
 *
 * A table says of every limit its default, the range an operator may choose from, and why it is there. Configuration
 * (`fromLimits` in schema.ts), documentation and code read the same table.
 */

/** A row. In a configuration file a limit in `ms` is written as a duration ("30s"), the others as whole numbers. */
export interface Limit {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 'count' | 'ms' | 'octets';
  readonly reason: string;
}

/** Named rows; the names are keys of the configuration. */
export type LimitsTable = Readonly<Record<string, Limit>>;

/** The table with other defaults for some of its rows. */
export function withDefaults<T extends LimitsTable>(
  table: T,
  defaults: { readonly [K in keyof T]?: number },
): T {
  const rows = Object.entries(table).map(([name, row]) => [
    name,
    { ...row, default: defaults[name] ?? row.default },
  ]);
  return Object.fromEntries(rows) as T;
}

/** What core/config itself accepts. These guard against a wrong file (a zone, a device), not against an enemy. */
export const configBounds = {
  /** Octets of a file that is read as one document. The parser needs about a hundred times as much memory. */
  documentOctets: 4 * 1024 * 1024,
  /** Octets of a file whose entries are read one by one (an access list of a million clients has about 100 MB). */
  listOctets: 256 * 1024 * 1024,
  /** Maps and lists inside each other; the schemas need six. */
  depth: 32,
  /** Entries of an access list. */
  clients: 1_000_000,
  /** Roles that an access list defines. */
  roles: 1000,
  /** Problems that are collected before the rest of a file is left alone. */
  problems: 1000,
} as const;
