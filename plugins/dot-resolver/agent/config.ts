/** Configuration of `use: dot-resolver/agent`. */
import { isAbsolute } from 'node:path';
import type { Name } from '../../../core/index.ts';
import {
  do53Limits,
  issueMessage,
  parseEndpoint,
  parsePin,
  schema,
  type Certificate,
  type Do53Limits,
  type Endpoint,
  type ServerPolicy,
} from '../../../core/index.ts';
import { wellKnownNames } from './captive-names.ts';
import { agentLimits, gateLimits, type AgentLimits } from './limits.ts';
import { parseGateText, type GateText } from './server-text.ts';

export interface AgentConfig {
  readonly listen: readonly Endpoint[];
  readonly servers: readonly GateText[];
  /** Undefined: `required`, but `off` where there are pins. */
  readonly dane?: ServerPolicy['dane'] | undefined;
  /** `system`, or a path as written. */
  readonly roots?: string | undefined;
  readonly pins: readonly Buffer[];
  readonly captive?:
    | {
        readonly resolvers: readonly CaptiveResolver[];
        readonly names: readonly (Name | typeof wellKnownWord)[];
      }
    | undefined;
  readonly limits: AgentLimits & Do53Limits;
}

/** An address, or a file in the form of resolv.conf. */
export type CaptiveResolver = { readonly file: string } | { readonly at: Endpoint };

const domainPort = 53;
const maxServers = 16;
const maxPins = 16;
const maxCaptiveNames = 100;
const { z } = schema;

export const wellKnownWord = 'well-known';
export const systemWord = 'system';

const listenAt = schema.textBlock({ what: 'an address', example: '127.0.0.1:53' }, (text) => {
  const endpoint = parseEndpoint(text, domainPort);
  if (/^[0.:]+$/.test(endpoint.address)) {
    throw new RangeError('is every address of this machine: an agent is for programs beside it');
  }
  return endpoint;
});

/** One value may stand for a list of one. */
const asList = (value: unknown): unknown => (typeof value === 'string' ? [value] : value);

const captiveResolver = schema.textBlock(
  { what: 'the address of a resolver, or a path', example: '/run/NetworkManager/no-stub-resolv.conf' },
  (text): CaptiveResolver => {
    if (isAbsolute(text)) return { file: text };
    try {
      return { at: parseEndpoint(text, domainPort) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError('is neither an IP address nor a path, which begins with /', { cause: error });
    }
  },
);

const captiveName = schema.textBlock(
  { what: `a domain name, or ${wellKnownWord}`, example: wellKnownWord },
  (text) => (text === wellKnownWord ? wellKnownWord : schema.readName(text)),
);

const captiveSchema = z
  .strictObject({
    resolvers: z.preprocess(asList, z.array(captiveResolver).min(1).max(maxServers)).meta({
      what: 'a path, or a list of addresses',
      example: '/run/NetworkManager/no-stub-resolv.conf',
      description:
        'The resolvers of the network: a file in the form of resolv.conf that DHCP writes, read when it is needed, or addresses.',
    }),
    names: z.preprocess(asList, z.array(captiveName).min(1).max(maxCaptiveNames)).meta({
      what: 'a list of names',
      example: '[well-known]',
      description:
        'The only names that are asked for in clear: exactly these, for A, AAAA and HTTPS records, and only while no gate can be reached. `well-known`: those by which Windows, macOS, iOS, Android, Firefox and NetworkManager look for a login page.',
    }),
  })
  .meta({
    what: 'a map with resolvers and names',
    example: '{ resolvers: /run/NetworkManager/no-stub-resolv.conf, names: [well-known] }',
    description:
      'For networks that let nobody out before a login: names by which programs find the login page. Without it no question ever goes in clear.',
  });

export const agentSchema: schema.ConfigSchema<AgentConfig> = z
  .strictObject({
    listen: z
      .array(listenAt)
      .min(1)
      .max(maxServers)
      .default([{ address: '127.0.0.1', port: domainPort }])
      .meta({
        what: 'a list of addresses',
        example: '["127.0.0.1:53"]',
        description:
          'Addresses for plain DNS, UDP and TCP; port 53 unless one is given. Whoever can reach them asks in our name: keep them on loopback. Sockets that systemd has opened for these addresses are used.',
      }),
    servers: z
      .array(schema.textBlock({ what: 'a gate', example: '192.0.2.1#resolver.example' }, parseGateText))
      .min(1)
      .max(maxServers)
      .meta({
        what: 'a list of gates',
        example: '["192.0.2.1#resolver.example"]',
        description:
          'The gates, the one that is preferred first: an address with the name that the gate must prove, `192.0.2.1:853#resolver.example`; a name alone, whose addresses are looked up by `resolver`; or an address alone, with `pins`. Port 853 unless one is given.',
      }),
    dane: schema.choice(['required', 'if-published', 'off']).optional().meta({
      description:
        'Whether gates prove their names by TLSA records of `_PORT._tcp.NAME`. `required`: by these alone. `if-published`: by a certificate of one of the `roots` where the DNS proves that there is no such record. `off`: by `roots` or `pins` alone. The default is `required`, but `off` where there are `pins`.',
    }),
    roots: schema
      .textBlock({ what: `a path, or ${systemWord}`, example: systemWord }, (text) => {
        if (text === '' || text.includes('\0')) throw new RangeError('is not a path');
        return text;
      })
      .optional()
      .meta({
        description:
          'Certification authorities that may vouch for gates: a PEM file, or those that the system trusts. Read at the start and on SIGHUP.',
      }),
    pins: z
      .array(schema.textBlock({ what: 'a SHA-256 digest in base64', example: '…=' }, parsePin))
      .max(maxPins)
      .default([])
      .meta({
        what: 'a list of digests',
        example: '[…=]',
        description:
          'SHA-256 of the public keys of gates, in base64 (RFC 7858 section 4.2); one of them must be the gate’s. With a name as well both must hold.',
      }),
    captive: captiveSchema.optional(),
    limits: schema
      .fromLimits({ ...agentLimits, ...gateLimits, ...do53Limits })
      .meta({ description: 'Bounds; each has a default.' }),
  })
  .superRefine((config, context) => {
    for (const [path, words] of faults(config)) {
      context.addIssue({ code: 'custom', path, message: issueMessage(words), input: config });
    }
  });

type Fault = [path: (string | number)[], words: { readonly wrong: string; readonly right: string }];

/** What is wrong with keys that are right each by itself. */
function faults({ servers, dane, roots, pins }: Omit<AgentConfig, 'limits'>): Fault[] {
  const found: Fault[] = [];
  for (const [index, { name, text }] of servers.entries()) {
    if (name === undefined && pins.length === 0) {
      const wrong = 'has no name after #, and there are no pins: anybody could answer there';
      found.push([['servers', index], { wrong, right: `write ${text}#NAME with the name of the gate` }]);
    }
    if (servers.findIndex((other) => other.text === text) < index) {
      found.push([['servers', index], { wrong: 'is there already', right: 'take it out' }]);
    }
  }
  if (dane === 'off' && roots === undefined && pins.length === 0) {
    const right = 'write dane: required, or give roots: system';
    found.push([['dane'], { wrong: 'is off, and neither roots nor pins could prove a gate', right }]);
  }
  if (dane === 'if-published' && roots === undefined) {
    const wrong = 'is if-published, and there are no roots for gates without a TLSA record';
    found.push([['dane'], { wrong, right: 'give roots: system, or write dane: required' }]);
  }
  if (dane !== undefined && dane !== 'off' && servers.every(({ name }) => name === undefined)) {
    const wrong = 'needs names of gates, and there are only addresses';
    found.push([['dane'], { wrong, right: 'write the gates as ADDRESS#NAME, or take dane out' }]);
  }
  return found;
}

/** What a gate must prove. */
export function policyFor(
  { dane, pins }: Pick<AgentConfig, 'dane' | 'pins'>,
  { name }: Pick<GateText, 'name'>,
  roots: readonly Certificate[],
): ServerPolicy {
  if (name === undefined) return { dane: 'off', pins };
  return { name, dane: dane ?? (pins.length > 0 ? 'off' : 'required'), roots, pins };
}

/** The names of `captive`, each once, by their keys. */
export function captiveNames({ captive }: Pick<AgentConfig, 'captive'>): ReadonlyMap<string, Name> {
  const names = captive?.names.flatMap((name) => (name === wellKnownWord ? wellKnownNames : [name])) ?? [];
  return new Map(names.map((name) => [name.key, name]));
}
