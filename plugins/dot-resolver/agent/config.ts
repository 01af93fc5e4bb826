/** Configuration of `use: dot-resolver/agent`. */
import { isAbsolute } from 'node:path';
import {
  configFault,
  do53Limits,
  gateLimits,
  gateList,
  parseEndpoint,
  proofFaults,
  proofKeys,
  refuseFaults,
  schema,
  type ConfigFault,
  type Do53Limits,
  type Endpoint,
  type GateText,
  type Name,
  type ProofConfig,
} from '../../../core/index.ts';
import { wellKnownNames } from './captive-names.ts';
import { agentLimits, type AgentLimits } from './limits.ts';

export interface AgentConfig extends ProofConfig {
  readonly listen: readonly Endpoint[];
  readonly servers: readonly GateText[];
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
const maxResolvers = 16;
const maxCaptiveNames = 100;
const { z } = schema;

export const wellKnownWord = 'well-known';

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
    resolvers: schema.oneOrMore(z.array(captiveResolver).min(1).max(maxResolvers)).meta({
      what: 'a path, or a list of addresses',
      example: '/run/NetworkManager/no-stub-resolv.conf',
      description:
        'The resolvers of the network: a file in the form of resolv.conf that DHCP writes, read when it is needed, or addresses.',
    }),
    names: schema.oneOrMore(z.array(captiveName).min(1).max(maxCaptiveNames)).meta({
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
    listen: schema.agentEndpoints('127.0.0.1:53', 'programs').meta({
      description:
        'Addresses for plain DNS, UDP and TCP; port 53 unless one is given. Whoever can reach them asks in our name: keep them on loopback. Sockets that systemd has opened for these addresses are used.',
    }),
    servers: gateList('192.0.2.1#resolver.example').meta({
      what: 'a list of gates',
      example: '["192.0.2.1#resolver.example"]',
      description:
        'The gates, the one that is preferred first: an address with the name that the gate must prove, `192.0.2.1:853#resolver.example`; a name alone, whose addresses are looked up by `resolver`; or an address alone, with `pins`. Port 853 unless one is given.',
    }),
    ...proofKeys('gates', 'gate'),
    captive: captiveSchema.optional(),
    limits: schema.fromLimits({ ...agentLimits, ...gateLimits, ...do53Limits }),
  })
  .superRefine(refuseFaults(faults));

/** What is wrong with keys that are right each by itself. */
function faults(config: Omit<AgentConfig, 'limits'>): readonly ConfigFault[] {
  const { servers } = config;
  const repeated = servers.flatMap(({ text }, index) => {
    if (servers.findIndex((other) => other.text === text) === index) return [];
    return [configFault(['servers', index], 'is there already', 'take it out')];
  });
  const proved = servers.map(({ text, name }, index) => ({ path: ['servers', index], text, name }));
  return [...repeated, ...proofFaults(config, proved, 'gate')];
}

/** The names of `captive`, each once, by their keys. */
export function captiveNames({ captive }: Pick<AgentConfig, 'captive'>): ReadonlyMap<string, Name> {
  const names = captive?.names.flatMap((name) => (name === wellKnownWord ? wellKnownNames : [name])) ?? [];
  return new Map(names.map((name) => [name.key, name]));
}
