/**
 * Who imports whom, which part must be pure, and where each third-party package may be used: the tables, and the
 * functions that find what breaks them.
 */
import type { ImportLine, SourceFile } from './source-file.ts';

/** One place where a source breaks a rule. */
export type Violation = string;

interface ImportRule {
  /** The folder or file that the rule is about; the longest that fits counts. */
  readonly from: string;
  /** Folders or files of ours that it may import besides its own folder. */
  readonly may: readonly string[];
  /** Those of which it may import types only. */
  readonly mayTypes?: readonly string[];
}

const importRules: readonly ImportRule[] = [
  { from: 'core/dns/', may: [] },
  { from: 'core/dnssec/', may: ['core/dns/'] },
  // Whether the records of a zone are signed rightly is the business of both.
  { from: 'core/xfr/', may: ['core/dns/', 'core/dnssec/'] },
  { from: 'core/tsig/', may: ['core/dns/'] },
  { from: 'core/zone-text/', may: ['core/dns/', 'core/xfr/'] },
  { from: 'core/pki/', may: ['core/dns/'] },
  { from: 'core/dane/', may: ['core/dns/', 'core/pki/'], mayTypes: ['core/dnssec/status.ts'] },
  {
    from: 'core/resolver/',
    may: ['core/dns/', 'core/dnssec/', 'core/config/endpoint.ts'],
    mayTypes: ['core/config/', 'core/dane/types.ts', 'core/observe/'],
  },
  { from: 'core/config/', may: ['core/dns/name.ts', 'core/dns/errors.ts'] },
  // The limits of validation and of the resolver are tables that stand beside what they bound.
  {
    from: 'core/config/resolver-config.ts',
    may: ['core/dns/name.ts', 'core/dns/errors.ts', 'core/dnssec/budget.ts', 'core/resolver/limits.ts'],
  },
  // So do those of a list in Redis, and what its keys may begin with.
  {
    from: 'core/config/access-config.ts',
    may: ['core/acl/redis/limits.ts', 'core/acl/redis/keys.ts'],
  },
  { from: 'core/observe/', may: ['core/dns/name.ts'] },
  // What is kept in Redis, and all that speaks to it.
  {
    from: 'core/acl/redis/',
    may: ['core/acl/', 'core/dns/', 'core/config/', 'core/dane/identity.ts'],
    mayTypes: ['core/observe/'],
  },
  {
    from: 'core/acl/',
    may: ['core/dns/', 'core/config/', 'core/dane/types.ts', 'core/dane/identity.ts'],
    mayTypes: ['core/observe/'],
  },
  { from: 'core/tls/', may: ['core/dns/', 'core/pki/'], mayTypes: ['core/dane/types.ts'] },
  {
    from: 'core/server/',
    may: [
      'core/tls/',
      'core/acl/',
      'core/dane/',
      'core/resolver/',
      'core/dns/',
      'core/observe/',
      'core/config/endpoint.ts',
    ],
    mayTypes: ['core/config/', 'core/plugin/contract.ts'],
  },
  // The core put together for a program that it is part of: all of it but plugins.
  {
    from: 'core/embed/',
    may: [
      'core/acl/',
      'core/client/',
      'core/config/',
      'core/dane/',
      'core/dns/',
      'core/dnssec/',
      'core/observe/',
      'core/pki/',
      'core/resolver/',
      'core/server/',
      'core/tls/',
    ],
    mayTypes: ['core/plugin/contract.ts'],
  },
  // The other end: who the server must be, and connections to it.
  {
    from: 'core/client/',
    may: ['core/tls/', 'core/dane/', 'core/dns/', 'core/pki/', 'core/resolver/', 'core/config/endpoint.ts'],
    mayTypes: ['core/config/', 'core/observe/', 'core/dnssec/status.ts'],
  },
  // The gates of an agent: what must prove itself, which is asked, and what bounds that.
  {
    from: 'core/gates/',
    may: ['core/client/', 'core/config/', 'core/dns/', 'core/embed/trust-files.ts', 'core/pki/dns-name.ts'],
    mayTypes: ['core/observe/', 'core/pki/', 'core/plugin/contract.ts', 'core/resolver/'],
  },
  // Questions and answers as octets.
  { from: 'core/answer/', may: ['core/dns/'] },
  // The life of a connection whose questions are answered from memory, or from wherever a plugin says.
  {
    from: 'core/answer-gate/',
    may: ['core/answer/', 'core/dns/', 'core/config/endpoint.ts'],
    mayTypes: [
      'core/acl/model.ts',
      'core/dane/identity.ts',
      'core/forward/server.ts',
      'core/observe/',
      'core/plugin/contract.ts',
    ],
  },
  // Who goes first where not all can.
  { from: 'core/fair/', may: [], mayTypes: ['core/config/'] },
  // Octets to resolvers and back. How a resolver is reached is said once, in core/resolver.
  {
    from: 'core/forward/',
    may: ['core/dns/', 'core/config/endpoint.ts', 'core/config/server-text.ts', 'core/resolver/upstream/'],
    mayTypes: ['core/config/', 'core/observe/'],
  },
  // Plain DNS for those who are on this machine.
  {
    from: 'core/do53/',
    may: [
      'core/dns/',
      'core/config/endpoint.ts',
      'core/config/schema.ts',
      'core/server/places.ts',
      'core/server/listen-error.ts',
    ],
    mayTypes: ['core/config/', 'core/observe/'],
  },
  // The contract is one page of types, so that a plugin can be written against it alone.
  { from: 'core/plugin/contract.ts', may: [], mayTypes: ['core/'] },
  { from: 'core/plugin/', may: ['core/server/', 'core/client/', 'core/do53/'], mayTypes: ['core/'] },
  { from: 'core/index.ts', may: ['core/'] },
  { from: 'plugins/', may: ['core/index.ts'] },
  // The lab is the witness against the gate: it shares the bytes with it, and nothing else.
  { from: 'lab/', may: ['core/dns/', 'core/pki/'] },
  { from: 'cli/', may: ['core/', 'plugins/', 'lab/'] },
  { from: 'bench/', may: ['core/', 'lab/', 'test/support/'] },
  { from: 'examples/', may: ['core/', 'plugins/', 'lab/', 'cli/'] },
];

/** Where each package of others may be imported: one file, or one folder. */
const packageHomes: Readonly<Record<string, string>> = {
  'dns-packet': 'core/dns/present.ts',
  yaml: 'core/config/',
  zod: 'core/config/',
  'lru-cache': 'core/resolver/cache.ts',
  ioredis: 'core/acl/redis/client.ts',
  pino: 'core/observe/log.ts',
  '@prometheus-io/client': 'core/observe/metrics.ts',
  commander: 'cli/',
  '@peculiar/x509': 'core/pki/issue.ts',
  'reflect-metadata': 'core/pki/issue.ts',
};

const pureFolders = [
  'core/dns/',
  'core/dnssec/',
  'core/dane/',
  'core/xfr/',
  'core/tsig/',
  'core/zone-text/',
  'core/pki/',
];
const pureBuiltins = new Set(['node:crypto', 'node:buffer', 'node:util', 'node:assert']);
const maximumLines = 400;

/** Everything in one source that breaks a rule, as `file:line: words`. */
export function violations(source: SourceFile): Violation[] {
  const at = (line: number, words: string): Violation => `${source.path}:${line}: ${words}`;
  const found = source.imports.flatMap((line) =>
    [line.isOurs ? wrongImport(source.path, line) : wrongPackage(source.path, line)]
      .filter((words) => words !== undefined)
      .map((words) => at(line.line, words)),
  );
  if (isBelow(source.path, pureFolders)) {
    found.push(...source.impurities.map(({ what, line }) => at(line, `${what} in a pure part; pass it in`)));
  }
  if (source.hasDefaultExport) found.push(at(1, 'default export; export by name'));
  if (source.lineCount > maximumLines) found.push(at(source.lineCount, `longer than ${maximumLines} lines`));
  return found;
}

function wrongImport(path: string, line: ImportLine): string | undefined {
  if (line.names.includes('identityMaker') && !path.startsWith('core/dane/')) {
    return 'only core/dane may make a ClientIdentity';
  }
  const otherPlugin = pluginOf(line.target);
  if (otherPlugin !== undefined && path.startsWith('plugins/')) {
    return otherPlugin === pluginOf(path) ? undefined : 'a plugin must not import another plugin';
  }
  const rule = importRules
    .filter(({ from }) => path.startsWith(from))
    .sort((a, b) => b.from.length - a.from.length)[0];
  if (rule === undefined) return 'no rule says what this folder may import';
  const own = rule.from.endsWith('/') ? rule.from : path.slice(0, path.lastIndexOf('/') + 1);
  const isContract = rule.from === 'core/plugin/contract.ts';
  if (!isContract && line.target.startsWith(own)) return undefined;
  if (isBelow(line.target, rule.may)) return undefined;
  if (isBelow(line.target, rule.mayTypes ?? [])) {
    return line.typeOnly ? undefined : `${rule.from} may import only types from ${line.target}`;
  }
  return `${rule.from} must not import ${line.target}`;
}

function wrongPackage(path: string, line: ImportLine): string | undefined {
  if (line.target.startsWith('node:')) {
    return isBelow(path, pureFolders) && !pureBuiltins.has(line.target)
      ? `${line.target} in a pure part`
      : undefined;
  }
  const name = line.target
    .split('/')
    .slice(0, line.target.startsWith('@') ? 2 : 1)
    .join('/');
  const home = packageHomes[name];
  if (home === undefined) return `no place is set aside for the package ${name}`;
  return path.startsWith(home) ? undefined : `the package ${name} may be imported only in ${home}`;
}

function pluginOf(path: string): string | undefined {
  return /^plugins\/([^/]+)\//.exec(path)?.[1];
}

function isBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));
}
