/** What a reader of old configurations found, as lines that a test can compare; and the files of the fixtures. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type {
  FoundPeer,
  ListFiles,
  NotifyTarget,
  OldConfig,
  OldConfigReader,
  ReadFile,
  SourcePlace,
} from '../../../cli/from-config/old-config.ts';

import { recordWords } from './bind-summary.ts';

/** The secrets in the fixtures, and parts of them that must never be seen again. */
export const secrets = [
  'bm90LWEtc2VjcmV0LW9ubHktYW4tZXhhbXBsZQ',
  '000102030405060708090a0b0c0d0e0f',
  '00112233445566778899AABBCCDDEEFF',
];

export interface ShownConfig {
  readonly zones: readonly string[];
  readonly peers: readonly string[];
  readonly open: readonly string[];
  readonly notified: readonly string[];
  readonly unknown: readonly string[];
}

export function showConfig({ zones, peers, open, notified = [], unknown }: OldConfig): ShownConfig {
  return {
    zones,
    peers: peers.map(
      (peer) => `${where(peer.at)} ${peer.actions.join('+')} ${who(peer)}${recordWords(peer.records)}`,
    ),
    open: open.map(({ zone, at, what }) => `${where(at)} ${zone} ${what}`),
    notified: notified.map((target) => `${where(target.at)} ${who(target)}`),
    unknown: unknown.map(({ at, statement }) => `${where(at)} ${statement}`),
  };
}

function where({ file, line }: SourcePlace): string {
  return `${basename(file)}:${String(line)}`;
}

function who({ address, keyName, label, zones }: FoundPeer | NotifyTarget): string {
  const parts = [
    ...(address === undefined ? [] : [address]),
    ...(keyName === undefined ? [] : [`key ${keyName}`]),
    ...(label === undefined ? [] : [`(${label})`]),
  ];
  return `${parts.join(' ')}: ${zones.join(' ')}`;
}

/** The files in a folder of fixtures: their names, and functions that read and list them. */
export function fixturesIn(folder: string): {
  names: readonly string[];
  path: (name: string) => string;
  read: ReadFile;
  list: ListFiles;
} {
  return {
    names: globSync(join(folder, '*.conf'))
      .map((path) => basename(path))
      .sort(),
    path: (name) => join(folder, name),
    read: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    list: (pattern) => globSync(pattern).sort(),
  };
}

/** Reads texts that stand in no file; the first is the one to begin with. */
export function readTexts(reader: OldConfigReader, texts: Readonly<Record<string, string>>): OldConfig {
  const [first = ''] = Object.keys(texts);
  return reader(
    first,
    (path) => texts[path],
    (pattern) => Object.keys(texts).filter((path) => fits(path, pattern)),
  );
}

function fits(path: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^/]*')}$`).test(path);
}
