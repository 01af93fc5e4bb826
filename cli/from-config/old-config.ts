/**
 * What is read out of the configuration of another name server: whom it lets do what today, and what of it could not
 * be read. The readers (bind.ts, nsd.ts, knot.ts) make it and plan.ts turns it into access entries; neither opens a file.
 *
 * Limitations: secrets are not part of it; a reader must drop them at once.
 */
import type { Action } from '../../core/acl/model.ts';

export type OldKind = 'bind' | 'nsd' | 'knot';

/** Where a statement begins. */
export interface SourcePlace {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** What the old configuration could say about a peer. */
export type OldAction = Extract<Action, 'transfer' | 'notify' | 'update'>;

/**
 * A secondary or other client that is allowed something. With both an address and a key it must have both; who is one or
 * the other is two peers.
 */
export interface FoundPeer {
  /** An address or a prefix, as '192.0.2.1' or '2001:db8::/32'. */
  readonly address?: string;
  /** The name of a TSIG key, without the trailing dot. */
  readonly keyName?: string;
  /** The name of the acl or remote that it stands in. */
  readonly label?: string;
  /** Names of zones without the trailing dot; '*' is every zone. */
  readonly zones: readonly string[];
  readonly actions: readonly OldAction[];
  /** Of `update`, and then that alone: which records; undefined for all. */
  readonly records?: UpdateRecords | undefined;
  readonly at: SourcePlace;
}

/** Which records may be updated: patterns of names and types, as an access list has them. Undefined: all of them. */
export interface UpdateRecords {
  readonly names?: readonly string[];
  readonly types?: readonly string[];
}

/** A statement that was not understood, or that an access list has no words for. */
export interface Unknown {
  readonly at: SourcePlace;
  /** The statement or its beginning; never a secret. */
  readonly statement: string;
  /** What is the matter, and what to do. */
  readonly why: string;
}

/** A zone that anybody may do something with today. */
export interface OpenZone {
  readonly zone: string;
  readonly at: SourcePlace;
  /** What is open and by which statement, as 'transfer: allow-transfer { any; }'. */
  readonly what: string;
}

/** A server that is told of changes today; most likely a secondary. It is allowed nothing by that. */
export interface NotifyTarget {
  readonly address: string;
  readonly keyName?: string;
  readonly label?: string;
  readonly zones: readonly string[];
  readonly at: SourcePlace;
}

export interface OldConfig {
  readonly kind: OldKind;
  readonly zones: readonly string[];
  readonly peers: readonly FoundPeer[];
  readonly open: readonly OpenZone[];
  readonly unknown: readonly Unknown[];
  readonly notified?: readonly NotifyTarget[];
  /** What an operator should know of, and nothing has to be done about. */
  readonly notes?: readonly Unknown[];
  /** What must change on this server beside the usual, as that a view has to let the gate in. */
  readonly steps?: readonly string[];
  /** How many statements were passed over that have nothing to do with who may do what. */
  readonly notAboutAccess?: number;
}

/** The text of a file; undefined if it cannot be read. */
export type ReadFile = (path: string) => string | undefined;
/** The paths that fit a pattern of the shell (glob(3)), sorted; at most `includes` + 1 of them. */
export type ListFiles = (pattern: string) => readonly string[];

/** A reader. Throws OldConfigError when the file or its syntax is broken. */
export type OldConfigReader = (file: string, readFile: ReadFile, listFiles?: ListFiles) => OldConfig;

/** Bounds on what is read; a configuration beyond them is not one of a name server, or not in one piece. */
export const oldConfigLimits = {
  /** Octets of one file. */
  fileOctets: 16 * 1024 * 1024,
  /** Octets of all files together. */
  totalOctets: 64 * 1024 * 1024,
  /** Files inside one another by `include`. */
  includeDepth: 16,
  /** Files altogether. */
  includes: 10_000,
  /** Braces inside one another, and references of acls and groups to others. */
  nesting: 32,
  /** Zones. */
  zones: 1_000_000,
  /** Peers of one zone or pattern, after groups have been taken apart. */
  peersOfZone: 4096,
} as const;

/** A file that cannot be read, or whose syntax is broken. The message has file and line. */
export class OldConfigError extends Error {
  readonly code = 'CLI_OLD_CONFIG';
  readonly blame = 'config';
  readonly at: SourcePlace;

  constructor(at: SourcePlace, message: string, options?: ErrorOptions) {
    super(`${at.file}:${String(at.line)}: ${message}`, options);
    this.name = 'OldConfigError';
    this.at = at;
  }
}
