/** What was read of a configuration, in lines that a test can be written in. */
import fs from 'node:fs';
import path from 'node:path';
import { readBind } from '../../../cli/from-config/bind.ts';
import type { OldConfig, SourcePlace, UpdateRecords } from '../../../cli/from-config/old-config.ts';

export const fixtures = path.join(import.meta.dirname, 'bind');

/** Reads a file of the fixtures; absolute paths in it are below `root`. */
export function readFixture(file: string, choices: { view?: string; root?: string } = {}): OldConfig {
  const { root = '', ...rest } = choices;
  const place = (name: string): string => path.join(fixtures, path.isAbsolute(name) ? root : '', name);
  const read = (name: string): string | undefined =>
    fs.existsSync(place(name)) ? fs.readFileSync(place(name), 'utf8') : undefined;
  const list = (pattern: string): string[] =>
    fs
      .globSync(place(pattern))
      .map((found) => path.relative(fixtures, found))
      .sort();
  return readBind(file, read, list, rest);
}

/** Reads text as if it were the one file. */
export function readText(text: string): OldConfig {
  return readBind('named.conf', (name) => (name === 'named.conf' ? text : undefined));
}

/** One line for each peer: 'line: key K at A (label): action zones'. */
export function peerLines({ peers }: OldConfig): string[] {
  return peers.map(({ keyName, address, label, actions, records, zones, at }) => {
    const who = [keyName && `key ${keyName}`, address, label && `(${label})`].filter(Boolean).join(' ');
    return `${place(at)}: ${who}: ${actions.join()} ${zones.join(' ')}${recordWords(records)}`;
  });
}

/** ' [A,TXT of a.example *.a.example]'; empty for all records. */
export function recordWords(records: UpdateRecords | undefined): string {
  if (records === undefined) return '';
  return ` [${records.types?.join() ?? 'all'} of ${records.names?.join(' ') ?? 'all'}]`;
}

export function openLines({ open }: OldConfig): string[] {
  return open.map(({ zone, what, at }) => `${place(at)}: ${zone}: ${what}`);
}

/** 'line: statement' of what was not understood. */
export function unknownLines({ unknown }: OldConfig): string[] {
  return unknown.map(({ at, statement }) => `${place(at)}: ${statement}`);
}

export function noteLines({ notes = [] }: OldConfig): string[] {
  return notes.map(({ at, statement }) => `${place(at)}: ${statement}`);
}

export function notifiedLines({ notified = [] }: OldConfig): string[] {
  return notified.map(
    ({ address, keyName, label, zones, at }) =>
      `${place(at)}: ${[address, keyName && `key ${keyName}`, label && `(${label})`].filter(Boolean).join(' ')}: ${zones.join(' ')}`,
  );
}

function place({ file, line }: SourcePlace): string {
  return `${path.basename(file)}:${String(line)}`;
}
