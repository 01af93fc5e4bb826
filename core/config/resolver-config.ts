/**
 * The part `resolver` of the configuration: who is asked, who validates, and from which trust anchors.
 *
 * Limitations: files are named here and read by whoever puts the resolver together.
 */
import { dirname, resolve } from 'node:path';
import type { Name } from '../dns/name.ts';
import { validationLimits } from '../dnssec/budget.ts';
import { resolverLimits, staleMaxLimit } from '../resolver/limits.ts';
import type { YamlDocument } from './document.ts';
import { isLoopback, type Endpoint } from './endpoint.ts';
import { quote, type ConfigProblem } from './errors.ts';
import {
  choice,
  domainName,
  duration,
  filePath,
  flag,
  fromLimits,
  pointInTime,
  textBlock,
  z,
} from './schema.ts';
import { parseServer, type ServerText } from './server-text.ts';

/** How TLSA records are found, and who says that they are true. */
export type ResolverConfig = LocalValidation | TrustAdValidation;

/** danced validates by itself, from the trust anchors down. */
export interface LocalValidation {
  readonly validation: 'local';
  readonly servers: readonly ServerText[];
  /** Absolute; certificates of the authorities that servers over TLS are checked by. Missing: those of Node. */
  readonly ca?: string;
  /** `builtin`, or the absolute path of a file. */
  readonly trustAnchors: string;
  readonly negativeTrustAnchors: readonly NegativeTrustAnchor[];
  readonly staleMaxMs: number;
  readonly prefetch: boolean;
  readonly timeoutMs: number;
  readonly limits: LocalLimits;
}

/** The resolver validates and says so with the AD bit (RFC 4035 section 4.9.3). */
export interface TrustAdValidation {
  readonly validation: 'trust-ad';
  /** Loopback addresses. */
  readonly servers: readonly Endpoint[];
  readonly timeoutMs: number;
}

/** RFC 7646: names at and below `name` are not validated until then. */
export interface NegativeTrustAnchor {
  readonly name: Name;
  readonly untilMs: number;
}

/** Every limit of validation and of the resolver by its key in the configuration. */
export type LocalLimits = Readonly<Record<keyof typeof allLimits, number>>;

export const builtinAnchorsWord = 'builtin';

const allLimits = { ...validationLimits, ...resolverLimits };
const maxServers = 16;
const maxNegativeAnchors = 64;

const negativeAnchorSchema = z
  .strictObject({
    name: domainName('broken.example').meta({ description: 'The name; every name below it is meant too.' }),
    until: pointInTime('2026-12-01').meta({
      description:
        'When validation begins again by itself. UTC unless a zone is given; a day is its first moment.',
    }),
  })
  .meta({ what: 'a map with name and until', example: '{ name: broken.example, until: 2026-12-01 }' });

export const resolverSchema = z
  .strictObject({
    validation: choice(['local', 'trust-ad']).default('local').meta({
      description:
        'Who validates DNSSEC. `local`: danced itself, from the trust anchors down. `trust-ad`: the resolver, which says so with the AD bit and must be on this machine.',
    }),
    servers: z
      .array(textBlock({ what: 'the address of a resolver', example: '127.0.0.1:53' }, parseServer))
      .min(1)
      .max(maxServers)
      .meta({
        what: 'a list of resolvers',
        example: '["127.0.0.1:53"]',
        description:
          'Recursive resolvers, asked in this order: an address, or for DNS over TLS `tls://ADDRESS#NAME` with the name that its certificate must have. With `local` any that passes DNSSEC records through; with `trust-ad` validating ones, on loopback, without TLS.',
      }),
    ca: filePath('/etc/danced/resolver-ca.pem').optional().meta({
      description:
        'PEM file of the authorities that servers over TLS are checked by, in place of those that Node has.',
    }),
    timeout: duration({ minMs: 100, maxMs: 60_000 }, '3s')
      .default(3000)
      .meta({ description: 'Time for a whole lookup, all servers and tries together.' }),
    'trust-anchors': textBlock({ what: 'a path, or builtin', example: builtinAnchorsWord }, (text) => {
      if (text === '' || text.includes('\0')) throw new RangeError('is not a path');
      return text;
    })
      .default(builtinAnchorsWord)
      .meta({
        description:
          'Where validation begins: the keys of the root that danced brings, or a file of DS and DNSKEY records as in a zone file. Read at the start.',
      }),
    'negative-trust-anchors': z.array(negativeAnchorSchema).max(maxNegativeAnchors).default([]).meta({
      what: 'a list of maps with name and until',
      description:
        'Names whose DNSSEC is broken and is left unchecked for a while (RFC 7646); no client below them can be identified meanwhile.',
    }),
    'stale-max': duration({ minMs: staleMaxLimit.min, maxMs: staleMaxLimit.max }, '0s')
      .default(staleMaxLimit.default)
      .meta({
        description:
          'How long after its TTL a record may be used while no resolver answers (RFC 8767); never after the end of its signatures. A key that was taken back lives longer by that.',
      }),
    prefetch: flag().default(true).meta({
      description:
        'Whether TLSA records of the exact names in the access list are looked up again before they run out.',
    }),
    limits: fromLimits(allLimits).meta({
      description: 'Bounds on work, memory and time; each has a default.',
    }),
  })
  .meta({ description: 'How TLSA records are found.', example: '{ servers: [127.0.0.1] }' });

type Written = z.infer<typeof resolverSchema>;

/** The typed form, or what is wrong with the whole of a part whose every key is right. */
export function finishResolver(
  document: YamlDocument,
  written: Written,
): { readonly config: ResolverConfig; readonly problems: readonly ConfigProblem[] } {
  const { servers, timeout: timeoutMs } = written;
  if (written.validation === 'trust-ad') {
    const problems = [...serverProblems(document, servers), ...keyProblems(document)];
    return { config: { validation: 'trust-ad', servers, timeoutMs }, problems };
  }
  const problems = mixedProblems(document, servers);
  if (written.ca !== undefined && servers.every(({ tls }) => tls === undefined)) {
    problems.push(document.keyProblem(['resolver', 'ca'], 'no server is asked over TLS', noTlsServer));
  }
  return { config: toLocal(written, dirname(resolve(document.file))), problems };
}

/** Validation of our own with these servers and the defaults of everything else. */
export function localValidation(servers: readonly ServerText[]): LocalValidation {
  const written = resolverSchema.parse({ servers: ['127.0.0.1'] });
  return { ...toLocal(written, '/'), servers };
}

function toLocal(written: Written, folder: string): LocalValidation {
  const anchors = written['trust-anchors'];
  const negative = written['negative-trust-anchors'];
  return {
    validation: 'local',
    servers: written.servers,
    ...(written.ca === undefined ? {} : { ca: resolve(folder, written.ca) }),
    trustAnchors: anchors === builtinAnchorsWord ? anchors : resolve(folder, anchors),
    negativeTrustAnchors: negative.map(({ name, until }) => ({ name, untilMs: until })),
    staleMaxMs: written['stale-max'],
    prefetch: written.prefetch,
    timeoutMs: written.timeout,
    limits: written.limits,
  };
}

const noTlsServer = 'take it out, or write a server as: tls://ADDRESS#NAME';

/** RFC 4035 section 4.9.3: the AD bit counts only over a secure channel, which here is this machine. */
function serverProblems(document: YamlDocument, servers: readonly ServerText[]): ConfigProblem[] {
  return servers.flatMap((server, index) => {
    const path = ['resolver', 'servers', index];
    const text = quote(textAt(document, index));
    if (server.tls !== undefined) {
      const wrong = `${text} is for validation: local; with trust-ad the resolver is on this machine`;
      return [document.problem(path, wrong, 'for example: - 127.0.0.1:53')];
    }
    if (isLoopback(server.address)) return [];
    const wrong = `${text} is not a loopback address: the AD bit of a resolver elsewhere could be set by anybody on the way`;
    return [document.problem(path, wrong, 'for example: - 127.0.0.1:53')];
  });
}

/** RFC 8310 section 5.1: strict is strict; what may be asked in clear when TLS fails is not. */
function mixedProblems(document: YamlDocument, servers: readonly ServerText[]): ConfigProblem[] {
  const isTls = servers[0]?.tls !== undefined;
  const other = servers.findIndex(({ tls }) => (tls !== undefined) !== isTls);
  if (other === -1) return [];
  const wrong = `is asked ${isTls ? 'in clear' : 'over TLS'}, and the first one ${isTls ? 'over TLS' : 'in clear'}: whoever disturbs TLS could read every question`;
  return [document.problem(['resolver', 'servers', other], wrong, 'write all with tls://, or none')];
}

/** Who writes them believes that they count. */
function keyProblems(document: YamlDocument): ConfigProblem[] {
  return writtenKeys(document)
    .filter((key) => !['validation', 'servers', 'timeout'].includes(key))
    .map((key) =>
      document.keyProblem(
        ['resolver', key],
        'has no effect with trust-ad',
        'take it out, or write validation: local',
      ),
    );
}

function writtenKeys(document: YamlDocument): string[] {
  const part = (document.value as { resolver?: unknown } | null)?.resolver;
  return typeof part === 'object' && part !== null ? Object.keys(part) : [];
}

function textAt(document: YamlDocument, index: number): string {
  const part = (document.value as { resolver?: { servers?: unknown } } | null)?.resolver?.servers;
  return Array.isArray(part) ? String(part[index]) : '';
}
