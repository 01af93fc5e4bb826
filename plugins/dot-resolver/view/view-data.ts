/**
 * What a view has read from its files: zones, and the names that are blocked and allowed. All of it is read, or nothing is
 * taken: a view never has the new zone and the old list.
 *
 * Limitations: whether a file has changed is seen by its text, so each of them is read again at each reload.
 */
import { createHash } from 'node:crypto';
import { LocalZone, LocalZones } from './local-zone.ts';
import type { ViewLimits } from './limits.ts';
import { addNameList } from './name-list.ts';
import { NameSet } from './name-set.ts';
import type { ViewConfig } from './view-config.ts';

/** Reads a text file of at most so many octets, a relative path in the configuration's folder. Throws ConfigError. */
export type ReadText = (file: string, maxOctets: number) => string;

export interface ViewData {
  readonly zones: LocalZones;
  /** Undefined where the configuration has no such list; an empty list of allowed names allows none. */
  readonly blocked: NameSet | undefined;
  readonly allowed: NameSet | undefined;
}

/** One thing made of files, kept while they stay as they are. */
interface Part<T> {
  readonly digest: string;
  readonly value: T;
}

type Files = Pick<ViewConfig, 'zones' | 'blocked' | 'allowed'>;

export class ViewFiles {
  readonly #config: Files;
  readonly #limits: ViewLimits;
  readonly #readText: ReadText;
  #zones: ReadonlyMap<string, Part<LocalZone>> = new Map();
  #lists: { readonly blocked?: Part<NameSet> | undefined; readonly allowed?: Part<NameSet> | undefined } = {};
  #data: ViewData | undefined;

  constructor(config: Files, limits: ViewLimits, readText: ReadText) {
    this.#config = config;
    this.#limits = limits;
    this.#readText = readText;
  }

  /** Reads the files; the same object as before if nothing has changed. Throws ConfigError, and keeps what it had. */
  read(): ViewData {
    const zones = new Map<string, Part<LocalZone>>();
    for (const zone of this.#config.zones) zones.set(zone.apex.key, this.#readZone(zone));
    const blocked = this.#readList(this.#config.blocked, this.#lists.blocked);
    const allowed = this.#readList(this.#config.allowed, this.#lists.allowed);
    const isSame =
      blocked === this.#lists.blocked &&
      allowed === this.#lists.allowed &&
      [...zones].every(([key, part]) => part === this.#zones.get(key));
    if (this.#data !== undefined && isSame) return this.#data;
    this.#zones = zones;
    this.#lists = { blocked, allowed };
    this.#data = {
      zones: new LocalZones([...zones.values()].map(({ value }) => value)),
      blocked: blocked?.value,
      allowed: allowed?.value,
    };
    return this.#data;
  }

  #readZone({ apex, file }: ViewConfig['zones'][number]): Part<LocalZone> {
    const text = this.#readText(file, this.#limits['zone-octets']);
    const digest = digestOf([text]);
    const known = this.#zones.get(apex.key);
    if (known?.digest === digest) return known;
    return { digest, value: LocalZone.read(apex, text, file, this.#limits['zone-records']) };
  }

  #readList(files: readonly string[], known: Part<NameSet> | undefined): Part<NameSet> | undefined {
    if (files.length === 0) return undefined;
    let room = this.#limits['list-octets'];
    const texts = files.map((file) => {
      const text = this.#readText(file, room);
      room -= Math.min(room, text.length);
      return text;
    });
    const digest = digestOf(texts);
    if (known?.digest === digest) return known;
    const value = new NameSet();
    for (const [index, file] of files.entries()) {
      addNameList(value, texts[index] ?? '', file, this.#limits['list-names']);
    }
    value.trim();
    return { digest, value };
  }
}

function digestOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  // No text is UTF-8 with the octet 0xff in it, so that two lists of texts never make one digest.
  for (const text of texts) hash.update(text, 'utf8').update(Buffer.of(0xff));
  return hash.digest('base64');
}
