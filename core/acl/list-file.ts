/**
 * The access list as a file, version 1:
 *
 *     version: 1
 *     roles:
 *       secondary: { allow: [{ action: transfer, zones: [example.com] }] }
 *     anonymous: { allow: [] }
 *     clients:
 *       _xfr.ns2.partner.example: { roles: [secondary] }
 *
 * `roles` and `anonymous` may be left out. `anonymous` is for clients without identity, where a listener serves them.
 *
 * Limitations: a file of another form (the map in brackets, other keys after it) is read as one document, whose size
 * is bounded more tightly (configBounds).
 */
import { YamlDocument } from '../config/document.ts';
import { ConfigError, quote, type ConfigProblem } from '../config/errors.ts';
import { configBounds } from '../config/limits-table.ts';
import { splitMapEntries, type EntryText, type SplitFile } from '../config/map-entries.ts';
import { z } from '../config/schema.ts';
import { readTextFile } from '../config/text-file.ts';
import { checkVersion } from '../config/version.ts';
import { mismatch } from '../config/words.ts';
import { AccessList } from './access-list.ts';
import type { AccessRights } from './model.ts';
import { presentClientPattern, readClientPattern } from './patterns.ts';
import { readWord, rightsSchema, roleSchema } from './schema.ts';

/** Reads an access list from a file. Throws ConfigError. */
export function loadAccessList(file: string): AccessList {
  return parseAccessList(readTextFile(file, configBounds.listOctets), file);
}

/** Reads an access list from text; `file` is for messages. Throws ConfigError with everything that is wrong. */
export function parseAccessList(text: string, file: string): AccessList {
  const isSmall = text.length <= configBounds.documentOctets;
  const split = splitMapEntries(text, 'clients');
  const reader = split === undefined ? undefined : readEntries(split, file, { giveUp: isSmall });
  // Broken YAML is explained best by a parser that sees all of it.
  return reader?.finish() ?? readWhole(text, file, isSmall);
}

function readWhole(text: string, file: string, isSmall: boolean): AccessList {
  if (!isSmall) throw new ConfigError([{ file, line: 1, column: 1, path: [], ...tooLong }]);
  const document = YamlDocument.parse(text, file);
  const reader = new ListReader(file);
  reader.readHead(document);
  for (const [key, value] of Object.entries(clientsOf(document))) {
    if (reader.isFull) break;
    reader.read(document, key, value, ['clients', key]);
  }
  return reader.finish();
}

/** Reads entry by entry; undefined when one is broken YAML and `giveUp` says that somebody else will explain it. */
function readEntries(
  split: SplitFile,
  file: string,
  { giveUp }: { giveUp: boolean },
): ListReader | undefined {
  const reader = new ListReader(file);
  try {
    reader.readHead(YamlDocument.parse(split.head, file), { isSplit: true });
    for (const entry of split.entries) {
      if (reader.isFull) break;
      reader.readText(entry);
    }
    return reader;
  } catch (error) {
    if (giveUp && error instanceof ConfigError) return undefined;
    throw error;
  }
}

const tooLong = {
  wrong: `has more than ${String(configBounds.documentOctets)} octets and is not one client after the other`,
  right: 'write "clients:" as the last key, and every client on lines of its own below it',
};

const headSchema = z.strictObject({
  version: z.unknown().optional(),
  // Role by role, so that each problem has its place.
  roles: z.unknown().optional(),
  anonymous: rightsSchema.optional(),
  clients: z.unknown().optional(),
});

/** Values that are remembered by their text; most clients of a long list have one of a few. */
const maxRemembered = 10_000;
const maxRememberedLength = 4096;

/** An access list in the making, with what is wrong so far. */
class ListReader {
  readonly problems: ConfigProblem[] = [];
  readonly #file: string;
  readonly #list = new AccessList();
  readonly #rightsByText = new Map<string, AccessRights>();

  constructor(file: string) {
    this.#file = file;
  }

  /** Whether the rest of the file is not worth reading. */
  get isFull(): boolean {
    return this.problems.length >= configBounds.problems || this.#list.size > configBounds.clients;
  }

  /** The list. Throws ConfigError if anything was wrong. */
  finish(): AccessList {
    if (this.#list.size > configBounds.clients) {
      const wrong = `more than ${String(configBounds.clients)} clients`;
      this.problems.push({ ...start(this.#file), path: ['clients'], wrong, right: 'use *.name patterns' });
    }
    if (this.problems.length > 0) throw new ConfigError(this.problems);
    return this.#list;
  }

  /** Checks all but the clients. */
  readHead(document: YamlDocument, { isSplit = false } = {}): void {
    this.problems.push(...document.problems, ...checkVersion(document));
    const checked = document.checkPart(headSchema, document.value, []);
    if (checked.ok) this.#list.anonymous = checked.value.anonymous;
    else this.problems.push(...checked.problems);
    this.#readRoles(document);
    const clients = isMap(document.value) ? document.value['clients'] : undefined;
    if (isSplit || isMap(clients)) return;
    const wrong = mismatch(clients, 'a map');
    this.problems.push(
      document.problem(
        ['clients'],
        wrong,
        'write "clients:" and the clients below it, or clients: {} for nobody',
      ),
    );
  }

  #readRoles(document: YamlDocument): void {
    const roles = isMap(document.value) ? document.value['roles'] : undefined;
    if (roles === undefined) return;
    if (!isMap(roles)) {
      this.problems.push(document.problem(['roles'], mismatch(roles, 'a map'), noRoles));
      return;
    }
    const words = Object.keys(roles);
    if (words.length > configBounds.roles) {
      const wrong = `more than ${String(configBounds.roles)} roles`;
      this.problems.push(document.problem(['roles'], wrong, 'give clients rules of their own'));
      return;
    }
    for (const word of words) this.#readRole(document, word, roles[word]);
  }

  #readRole(document: YamlDocument, word: string, value: unknown): void {
    const path = ['roles', word];
    try {
      readWord(word);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.problems.push(
        document.keyProblem(path, `${quote(word)} ${error.message}`, 'for example: secondary'),
      );
      return;
    }
    const checked = document.checkPart(roleSchema(word), value, path);
    if (checked.ok) this.#list.defineRole(word, checked.value);
    else this.problems.push(...document.withoutKnown(checked.problems));
  }

  /** Reads one entry of a split file. Throws ConfigError for broken YAML. */
  readText(entry: EntryText): void {
    const [, plain, quoted, rest] =
      /^ *(?:(\w[\w.-]*)|"([^"\\\n]*)"):(?= |\r?\n)([^]*)$/.exec(entry.text) ?? [];
    const key = plain ?? quoted;
    const known = rest === undefined ? undefined : this.#rightsByText.get(rest);
    if (key !== undefined && known !== undefined) {
      this.#add(key, known, entry.firstLine, () => this.#parse(entry));
      return;
    }
    const document = this.#parse(entry);
    const [[only, value] = [undefined, undefined], another] = isMap(document.value)
      ? Object.entries(document.value)
      : [];
    if (only === undefined || another !== undefined) throw new ConfigError([document.problem([], ...notOne)]);
    this.problems.push(...document.problems);
    const rights = this.read(document, only, value, [only]);
    const isRemembered =
      rest !== undefined && rest.length <= maxRememberedLength && document.problems.length === 0;
    if (rights !== undefined && isRemembered && this.#rightsByText.size < maxRemembered) {
      this.#rightsByText.set(rest, rights);
    }
  }

  /** Checks the client that stands at `path` of a document and adds it. */
  read(document: YamlDocument, key: string, value: unknown, path: string[]): AccessRights | undefined {
    const checked = document.checkPart(rightsSchema, value, path);
    if (!checked.ok) this.problems.push(...document.withoutKnown(checked.problems));
    const rights = checked.ok ? checked.value : undefined;
    this.#add(key, rights ?? nothing, document.positionOfKey(path).line, () => document, path);
    return rights;
  }

  #add(key: string, rights: AccessRights, line: number, document: () => YamlDocument, path = [key]): void {
    try {
      const pattern = readClientPattern(key);
      const existing = this.#list.add(pattern, { pattern: presentClientPattern(pattern), rights, line });
      if (existing === undefined) return;
      const wrong = `the same client as in line ${String(existing.line)}`;
      this.problems.push(document().keyProblem(path, wrong, 'keep one of the two'));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const right = 'write a domain name or "*.name", for example: _xfr.ns2.example.net';
      this.problems.push(document().keyProblem(path, `${quote(key)} ${error.message}`, right));
    }
  }

  #parse(entry: EntryText): YamlDocument {
    return YamlDocument.parse(entry.text, this.#file, { firstLine: entry.firstLine, within: ['clients'] });
  }
}

const nothing: AccessRights = { roles: [], allow: [], deny: [] };
const noRoles = 'write each role on a line of its own, or leave roles out';
const notOne = ['is not one client', 'write the name, a colon, and what it may do'] as const;

function start(file: string): Pick<ConfigProblem, 'file' | 'line' | 'column'> {
  return { file, line: 1, column: 1 };
}

function clientsOf(document: YamlDocument): Record<string, unknown> {
  const clients = isMap(document.value) ? document.value['clients'] : undefined;
  return isMap(clients) ? clients : {};
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
