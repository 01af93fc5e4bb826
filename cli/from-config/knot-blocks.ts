/**
 * The sections of knot.conf (knot.conf(5), Knot DNS 3.2) taken apart into blocks with their items, as far as they are about
 * access; the rest is passed over if knot-options.ts knows it, and reported if not.
 *
 * Limitations: what refers to what is not looked at here; see knot-rights.ts.
 */
import { dirname, isAbsolute, join } from 'node:path';
import type { Grants } from './grants.ts';
import { brokenAt, plainPlace } from './included-files.ts';
import type { IncludedFiles, TextPlace } from './included-files.ts';
import { knotItems } from './knot-items.ts';
import type { KnotItem } from './knot-items.ts';
import { isKnotPassedOver, knotPassedOverSections } from './knot-options.ts';
import { OldConfigError, oldConfigLimits } from './old-config.ts';
import { shownStatement, zoneNameOf } from './old-names.ts';
import { normalName } from './zone-names.ts';

export interface KnotValue {
  readonly text: string;
  readonly place: TextPlace;
}

/** What stands under one `- id:`, or in a section without blocks. */
export class KnotBlock {
  readonly id: string;
  readonly place: TextPlace;
  readonly #items = new Map<string, KnotValue[]>();

  constructor(id: string, place: TextPlace) {
    this.id = id;
    this.place = place;
  }

  /** The same item on several lines is one list (knot.conf(5), DESCRIPTION). */
  add({ name, values, place }: KnotItem): void {
    const all = this.#items.get(name) ?? [];
    for (const text of values) all.push({ text, place });
    this.#items.set(name, all);
  }

  all(name: string): readonly KnotValue[] {
    return this.#items.get(name) ?? [];
  }

  /** Of an item that takes one value the last one counts. */
  one(name: string): KnotValue | undefined {
    return this.all(name).at(-1);
  }

  /** Whether it says `on` or `true`; `standard` if it does not stand here. Throws OldConfigError for other words. */
  isOn(name: string, standard: boolean): boolean {
    const value = this.one(name);
    if (value === undefined) return standard;
    if (/^(?:on|true)$/i.test(value.text)) return true;
    if (/^(?:off|false)$/i.test(value.text)) return false;
    throw brokenAt(value.place, `${name}: is on or off`);
  }
}

type Section = 'key' | 'remote' | 'remotes' | 'acl' | 'template' | 'zone';

/** For each section that is read the items of it that are. */
const readItems: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['server', new Set(['automatic-acl'])],
  ['key', new Set<string>()],
  ['remote', new Set(['address', 'key', 'automatic-acl', 'cert-hostname'])],
  ['remotes', new Set(['remote'])],
  [
    'acl',
    new Set([
      ...['address', 'key', 'remote', 'action', 'deny', 'protocol', 'cert-key', 'cert-hostname'],
      ...['update-type', 'update-owner', 'update-owner-match', 'update-owner-name'],
    ]),
  ],
  ['template', new Set(['acl', 'master', 'notify', 'catalog-role', 'catalog-template'])],
  ['zone', new Set(['template', 'acl', 'master', 'notify', 'catalog-role', 'catalog-template'])],
]);

const whyReported: ReadonlyMap<string, string> = new Map([
  [
    'mod-queryacl',
    'who may ask stays with Knot DNS; the gate asks it too (SOA), from its own address, which must be allowed',
  ],
  ['clear', 'it takes back what stands above; what is read here may be more than what Knot DNS gives'],
  [
    'server proxy-allowlist',
    'who may say by the PROXY protocol what the address of a client is; nothing of a gate goes by addresses',
  ],
]);

export class KnotBlocks {
  readonly server = new KnotBlock('server', { file: '', line: 1, column: 1 });
  readonly blocks: Readonly<Record<Section, Map<string, KnotBlock>>> = {
    key: new Map(),
    remote: new Map(),
    remotes: new Map(),
    acl: new Map(),
    template: new Map(),
    zone: new Map(),
  };
  notAboutAccess = 0;
  readonly #grants: Grants;
  #section: string | undefined;
  #block: KnotBlock | undefined;

  constructor(grants: Grants) {
    this.#grants = grants;
  }

  /** Reads a file, and those that it includes. Throws OldConfigError. */
  readFile(file: string, text: string, files: IncludedFiles, depth = 0): void {
    for (const item of knotItems(text, file)) {
      if (item.kind === 'section' && item.name === 'include') this.#include(item, files, depth + 1);
      else this.#take(item);
    }
    this.#section = undefined;
  }

  /** A relative name is looked for beside the file that it stands in (conf/tools.c: include_file). */
  #include({ name, values, place }: KnotItem, files: IncludedFiles, depth: number): void {
    const [value] = values;
    if (value === undefined || values.length > 1)
      throw brokenAt(place, 'include: takes the name of one file');
    const path = isAbsolute(value) ? value : join(dirname(place.file), value);
    const at = plainPlace(place);
    const { files: included, missing } = files.include({ path, isPattern: /[*?[]/.test(value), at, depth });
    for (const why of missing) this.#grants.report({ at, statement: shownStatement(name, values), why });
    for (const { path: file, text } of included) this.readFile(file, text, files, depth);
    this.#section = undefined;
  }

  #take(item: KnotItem): void {
    if (item.kind === 'section') this.#beginSection(item);
    else if (this.#section === undefined) {
      throw brokenAt(item.place, 'this stands in no section; begin with one, as zone:');
    } else if (readItems.has(this.#section)) this.#takeItem(item, this.#section);
    // A section that is not known was reported where it begins.
    else if (knotPassedOverSections.has(this.#section)) this.notAboutAccess += 1;
  }

  #beginSection(item: KnotItem): void {
    const { name } = item;
    this.#section = name;
    this.#block = name === 'server' ? this.server : undefined;
    const isKnown = readItems.has(name) || knotPassedOverSections.has(name);
    if (isKnown && item.values.length > 0)
      throw brokenAt(item.place, `${name}: begins a section and takes no value`);
    const unknown =
      'this section is not known here, and nothing in it was read; look up whether it is about access';
    if (!isKnown) this.#report(item, whyReported.get(name) ?? unknown);
  }

  #takeItem(item: KnotItem, section: string): void {
    const { name, place } = item;
    if (item.kind === 'block' && section !== 'server') {
      this.#beginBlock(item, section as Section);
      return;
    }
    if (item.kind === 'block' || this.#block === undefined) {
      throw brokenAt(
        place,
        `the section ${section} has ${section === 'server' ? 'no blocks' : 'blocks, which begin with - and their id'}`,
      );
    }
    if (readItems.get(section)?.has(name) === true) this.#block.add(item);
    else if (isKnotPassedOver(section, name)) this.notAboutAccess += 1;
    else {
      const unknown = `not known in the section ${section} here; look up whether it is about access`;
      this.#report(item, whyReported.get(`${section} ${name}`) ?? unknown);
    }
  }

  #beginBlock({ name, values, place }: KnotItem, section: Section): void {
    const idName = section === 'zone' ? 'domain' : 'id';
    if (name !== idName) throw brokenAt(place, `a block of the section ${section} begins with - ${idName}:`);
    const [value = ''] = values;
    const id = section === 'zone' ? zoneNameOf(value, place) : section === 'key' ? normalName(value) : value;
    const known = this.blocks[section];
    const first = known.get(id);
    if (first !== undefined) {
      const where = `${first.place.file}:${String(first.place.line)}`;
      throw brokenAt(place, `the same ${idName} stands in ${where} already; Knot DNS takes it once`);
    }
    this.#block = new KnotBlock(id, place);
    known.set(id, this.#block);
    if (known.size > oldConfigLimits.zones) {
      throw new OldConfigError(
        plainPlace(place),
        `more than ${String(oldConfigLimits.zones)} blocks of the section ${section}`,
      );
    }
  }

  /** Reports without the values, which may be secret. */
  #report({ name, place }: KnotItem, why: string): void {
    this.#grants.report({ at: plainPlace(place), statement: shownStatement(name, []), why });
  }
}
