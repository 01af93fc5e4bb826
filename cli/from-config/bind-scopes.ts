/**
 * The statements of BIND's configuration sorted into `options`, views and zones, with the acls and lists of servers that they
 * refer to; whatever is not known is kept as unknown.
 *
 * Limitations: a zone of a class other than IN is left out, with a note: an access list knows zones of IN only.
 */
import { BindAcls } from './bind-acl.ts';
import { BindServers } from './bind-servers.ts';
import {
  blockOf,
  isBlock,
  keywordOf,
  statementWords,
  wordOf,
  type Block,
  type Part,
  type Statement,
} from './bind-tree.ts';
import { keyWords, notAboutAccess, serverWords, tlsWords, typesWithoutData } from './bind-words.ts';
import { oldConfigLimits, OldConfigError, type SourcePlace, type Unknown } from './old-config.ts';
import { readOldName } from './zone-names.ts';

/** Statements that are read, by their keyword. */
export type Settings = Map<string, Statement>;

export interface BindView {
  readonly name: string;
  readonly at: SourcePlace;
  readonly settings: Settings;
}

export interface BindZone {
  /** In lower case, without the trailing dot. */
  readonly name: string;
  readonly at: SourcePlace;
  readonly type: string;
  /** Undefined where there are no views. */
  readonly view?: BindView;
  readonly settings: Settings;
}

/** What stands in one view is in another too (`in-view`). */
export interface SharedZone {
  readonly name: string;
  readonly view: BindView;
  readonly from: string;
}

export class BindScopes {
  readonly acls = new BindAcls();
  readonly servers = new BindServers();
  readonly options: Settings = new Map();
  readonly views: BindView[] = [];
  readonly zones: BindZone[] = [];
  readonly shared: SharedZone[] = [];
  readonly unknown: Unknown[] = [];
  readonly notes: Unknown[] = [];
  passedOver = 0;

  constructor(statements: readonly Statement[]) {
    this.#read(statements, undefined);
  }

  /** The whole file, or a view. */
  #read(statements: readonly Statement[], view: BindView | undefined): void {
    for (const statement of statements) {
      const keyword = keywordOf(statement);
      const block = blockOf(statement);
      const read = this.#readers[keyword];
      if (read !== undefined && block !== undefined) read(statement, block, view);
      else if (view === undefined) this.#other(statement);
      else this.#setting(statement, view.settings);
    }
  }

  readonly #readers: Readonly<
    Record<string, (statement: Statement, block: Block, view: BindView | undefined) => void>
  > = {
    acl: ({ parts }, block) => {
      this.acls.define(wordOf(parts[1]) ?? '', block);
    },
    primaries: (statement, block) => {
      this.#list(statement, block);
    },
    masters: (statement, block) => {
      this.#list(statement, block);
    },
    'remote-servers': (statement, block) => {
      this.#list(statement, block);
    },
    key: (_, block) => {
      this.#clauses(block, keyWords, 'key');
    },
    tls: (statement, block) => {
      this.#tls(statement, block);
    },
    server: (statement, block) => {
      this.#server(statement, block);
    },
    options: (_, block) => {
      for (const each of block.statements) this.#setting(each, this.options);
    },
    view: (statement, block) => {
      this.#view(statement, block);
    },
    zone: (statement, block, view) => {
      this.#zone(statement, block, view);
    },
  };

  #list({ parts }: Statement, block: Block): void {
    this.servers.define(wordOf(parts[1]) ?? '', block);
  }

  #tls(statement: Statement, block: Block): void {
    this.#clauses(block, tlsWords, 'tls');
    if (!block.statements.some((each) => keywordOf(each) === 'ca-file')) return;
    const why =
      'where it listens, clients must show a certificate of this authority; the gate goes by their TLSA records';
    this.#note(statement, why);
  }

  #server(statement: Statement, block: Block): void {
    for (const each of block.statements) {
      if (keywordOf(each) === 'keys') this.servers.addKeys(wordOf(statement.parts[1]) ?? '', each);
    }
    const rest = block.statements.filter((each) => keywordOf(each) !== 'keys');
    this.#clauses({ statements: rest }, serverWords, 'server');
  }

  /** Nothing of a clause but its keyword is shown: what is misspelt may be a secret. */
  #clauses(block: Block, known: ReadonlySet<string>, where: string): void {
    for (const { at, parts } of block.statements) {
      const [first] = parts;
      const keyword = wordOf(first)?.toLowerCase() ?? '{ … }';
      if (known.has(keyword)) this.passedOver += 1;
      else this.unknown.push({ at, statement: `${where} { ${keyword} …; }`, why: notKnown });
    }
  }

  #view(statement: Statement, block: Block): void {
    const { parts, at } = statement;
    if (!isInternet(parts)) {
      this.#note(statement, otherClass);
      return;
    }
    const view: BindView = { name: wordOf(parts[1]) ?? '', at, settings: new Map() };
    this.views.push(view);
    this.#read(block.statements, view);
  }

  #zone(statement: Statement, block: Block, view: BindView | undefined): void {
    const { parts, at } = statement;
    const name = readOldName(wordOf(parts[1]) ?? '')
      ?.toString()
      .toLowerCase();
    if (name === undefined) {
      this.#unknown(statement, 'its name is no domain name');
      return;
    }
    if (!isInternet(parts)) {
      this.#note(statement, otherClass);
      return;
    }
    const settings: Settings = new Map();
    for (const each of block.statements) this.#setting(each, settings);
    const from = wordOf(settings.get('in-view')?.parts[1]);
    if (from !== undefined) {
      if (view !== undefined) this.shared.push({ name, view, from });
      return;
    }
    const type = wordOf(settings.get('type')?.parts[1])?.toLowerCase() ?? '';
    if (typesWithoutData.has(type)) {
      this.passedOver += 1;
      return;
    }
    if (this.zones.length === oldConfigLimits.zones) {
      throw new OldConfigError(at, `more than ${String(oldConfigLimits.zones)} zones`);
    }
    this.zones.push({ name, at, type, settings, ...(view === undefined ? {} : { view }) });
  }

  #setting(statement: Statement, settings: Settings): void {
    const keyword = keywordOf(statement);
    if (!settingWords.has(keyword)) {
      this.#other(statement);
      return;
    }
    const before = settings.get(keyword);
    if (before !== undefined)
      this.#unknown(statement, `it stands in line ${String(before.at.line)} already; the later one is taken`);
    settings.set(keyword, statement);
  }

  /** What is neither a setting nor a block that is read. */
  #other(statement: Statement): void {
    const keyword = keywordOf(statement);
    const why = unlisted.get(keyword);
    if (notAboutAccess.has(keyword)) this.passedOver += 1;
    else if (keyword === 'allow-new-zones' && isOff(statement)) this.passedOver += 1;
    else if (keyword === 'blackhole') this.#note(statement, addressesDoNotCount);
    else this.#unknown(statement, why ?? notKnown);
  }

  #unknown(statement: Statement, why: string): void {
    this.unknown.push({ at: statement.at, statement: statementWords(statement), why });
  }

  #note(statement: Statement, why: string): void {
    this.notes.push({ at: statement.at, statement: statementWords(statement), why });
  }
}

/** Settings of `options`, views and zones that say who may do what, or what that depends on. */
const settingWords: ReadonlySet<string> = new Set([
  'allow-notify',
  'allow-query',
  'allow-transfer',
  'allow-update',
  'allow-update-forwarding',
  'also-notify',
  'in-view',
  'masters',
  'match-clients',
  'match-destinations',
  'match-recursive-only',
  'notify',
  'primaries',
  'type',
  'update-policy',
]);

const notKnown = 'not a statement that is known here; see whether it is about who may do what';
const otherClass = 'of a class other than IN: gates and access lists have nothing of it';
const addressesDoNotCount =
  'the gate does not go by addresses: a client in the access list is let in from wherever it comes';

/** Where zones, or who may do what, stand elsewhere. */
const unlisted: ReadonlyMap<string, string> = new Map([
  ['allow-new-zones', 'zones that were added with rndc stand in other files (*.nzf, *.nzd): look there too'],
  [
    'catalog-zones',
    'the zones of a catalog, and who may transfer them, stand in the catalog: add them by hand',
  ],
  ['dlz', 'the zones, and who may transfer them, stand in a database: add them by hand'],
  ['dyndb', 'the zones, and who may transfer them, stand in a database: add them by hand'],
  ['template', 'templates of zones are not read: look whether it says who may transfer or update'],
]);

function isOff({ parts }: Statement): boolean {
  return ['no', 'false', '0'].includes(wordOf(parts[1])?.toLowerCase() ?? '');
}

/** The class after the name of a zone or view. */
function isInternet(parts: readonly Part[]): boolean {
  const third = parts[2];
  return third === undefined || isBlock(third) || ['in', 'internet'].includes(third.text.toLowerCase());
}
