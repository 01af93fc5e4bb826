/** Configuration of `use: xot/agent`. */
import {
  allowKey,
  configFault,
  proofFaults,
  proofKeys,
  refuseFaults,
  schema,
  sourceList,
  type CheckLimits,
  type ConfigFault,
  type Do53Limits,
  type Endpoint,
  type Name,
  type ProofConfig,
  type SourceBlock,
  type ZoneSet,
} from '../../../core/index.ts';
import { cacheLimits, type CacheLimits } from '../cache/limits.ts';
import { spillDirectoryKey } from '../cache/spill-key.ts';
import { checkLimits, checkSchema, type CheckConfig } from '../cache/version-check.ts';
import { catalogLimits, catalogNamesSchema, catalogsSchema, type CatalogLimits } from '../catalog/config.ts';
import { notifyLimits, type NotifyLimits } from '../notify/limits.ts';
import { parseUpstream, type UpstreamText } from '../upstream/target.ts';
import { gateListsSchema, gatesOf, type GateLists } from './gate-lists.ts';
import { xotPort } from './gate-text.ts';
import { agentLimits, gateLimits, plainLimits, type AgentLimits } from './limits.ts';

export interface XotAgentConfig extends ProofConfig {
  readonly listen: readonly Endpoint[];
  readonly gates: GateLists;
  readonly zones: readonly Name[];
  readonly catalogs: readonly Name[];
  readonly 'catalog-names': ZoneSet;
  readonly serve: 'cached' | 'relayed';
  readonly check: CheckConfig;
  readonly allow: readonly SourceBlock[];
  readonly notify?: NotifyConfig | undefined;
  readonly write?: { readonly directory: string } | undefined;
  /** A folder, as written. */
  readonly 'spill-directory': string;
  readonly limits: AgentLimits & Do53Limits & CacheLimits & CatalogLimits & CheckLimits & NotifyLimits;
}

export interface NotifyConfig {
  /** In clear, or over TLS where there is a name. */
  readonly to: readonly UpstreamText[];
  /** Addresses from which NOTIFY is taken in clear. */
  readonly from: readonly SourceBlock[];
  /** Where NOTIFY is taken over TLS. */
  readonly listen: readonly Endpoint[];
}

const maxListens = 16;
const maxZones = 10_000;
const maxTargets = 16;
const { z } = schema;

const notifyTo = schema.textBlock({ what: 'a server', example: '127.0.0.1:53' }, parseUpstream);

const notifySchema = z
  .strictObject({
    to: z.array(notifyTo).max(maxTargets).default([]).meta({
      what: 'a list of servers',
      example: '["127.0.0.1:53"]',
      description:
        'Servers that are told when a zone has a new version: the one beside the agent, in clear; or, as `ADDRESS[:PORT]#NAME`, over TLS, proved as gates are.',
    }),
    from: sourceList().default([]).meta({
      what: 'a list of addresses',
      example: '["192.0.2.1"]',
      description:
        'From where NOTIFY is taken in clear, at the addresses of `listen` above: those of the gates or their primary. Anybody can claim to be there; what he gets by it is that we ask the gate.',
    }),
    listen: z.array(schema.endpoint(xotPort)).max(maxListens).default([]).meta({
      what: 'a list of addresses',
      example: '["192.0.2.9:853"]',
      description:
        'Where NOTIFY is taken over TLS, from clients to whom the access list gives `notify` for the zone; port 853 unless one is given.',
    }),
  })
  .meta({
    what: 'a map with to, from and listen',
    example: '{ to: ["127.0.0.1:53"] }',
    description: 'Who is told of new versions, and who may tell us that there is one (RFC 1996).',
  });

export const xotAgentSchema: schema.ConfigSchema<XotAgentConfig> = z
  .strictObject({
    listen: schema.agentEndpoints('127.0.0.1:5353', 'a server').meta({
      description:
        'Addresses for the name server beside the agent: plain SOA, AXFR and IXFR, UDP and TCP; port 53 unless one is given. Sockets that systemd has opened for these addresses are used.',
    }),
    gates: gateListsSchema.meta({
      description:
        'The gates, or other servers that speak XoT, the one that is preferred first: `ADDRESS[:PORT]#NAME` with the name that it must prove, or an address alone, with `pins`. Port 853 unless one is given. One list for all zones, or a map of lists by zone with `default` for all others.',
    }),
    ...proofKeys('gates'),
    zones: z.array(schema.domainName()).max(maxZones).default([]).meta({
      what: 'a list of zones',
      example: '[example.com]',
      description: 'Zones that are had from the gates.',
    }),
    catalogs: catalogsSchema,
    'catalog-names': catalogNamesSchema,
    serve: schema.choice(['cached', 'relayed']).default('cached').meta({
      description:
        '`cached`: each version of a zone is fetched once, checked and kept. `relayed`: each request goes to the gate, and nothing is kept.',
    }),
    check: checkSchema,
    allow: allowKey,
    notify: notifySchema.optional(),
    write: z
      .strictObject({
        directory: schema
          .filePath('/var/lib/danced/zones')
          .meta({ description: 'The folder, which danced may write to.' }),
      })
      .optional()
      .meta({
        what: 'a map with directory',
        example: '{ directory: /var/lib/danced/zones }',
        description:
          'Each new version is written to this folder as a zone file, `NAME.zone`, whole or not at all; for servers that read files.',
      }),
    'spill-directory': spillDirectoryKey,
    limits: schema.fromLimits({
      ...{ ...agentLimits, ...gateLimits, ...plainLimits },
      ...{ ...cacheLimits, ...catalogLimits, ...checkLimits, ...notifyLimits },
    }),
  })
  .superRefine(refuseFaults(faults));

/** What is wrong with keys that are right each by itself. */
function faults(config: Omit<XotAgentConfig, 'limits'>): ConfigFault[] {
  return [...zoneFaults(config), ...serveFaults(config), ...proofFaults(config, proved(config))];
}

function zoneFaults({ zones, catalogs, gates }: Omit<XotAgentConfig, 'limits'>): ConfigFault[] {
  const found: ConfigFault[] = [];
  if (zones.length === 0 && catalogs.length === 0) {
    found.push(configFault(['zones'], 'names no zone', 'for example: zones: [example.com]'));
  }
  const seen = new Set<string>();
  for (const [key, names] of [
    ['zones', zones],
    ['catalogs', catalogs],
  ] as const) {
    for (const [index, zone] of names.entries()) {
      if (seen.has(zone.key))
        found.push(configFault([key, index], `${zone.toString()} is there already`, 'take it out'));
      seen.add(zone.key);
      if (gatesOf(gates, zone) !== undefined) continue;
      const wrong = `${zone.toString()} has no list in gates, and gates has no default`;
      found.push(configFault([key, index], wrong, 'write its gates there, or default'));
    }
  }
  if (catalogs.length > 0 && gates.others === undefined) {
    const wrong = 'has no default, and nobody knows which members a catalog will have';
    found.push(configFault(['gates'], wrong, 'write default: with the gates of the members'));
  }
  return found;
}

function serveFaults({ serve, catalogs, write }: Omit<XotAgentConfig, 'limits'>): ConfigFault[] {
  if (serve === 'cached') return [];
  const wrong = 'needs zones that are kept, and serve is relayed';
  const right = 'write serve: cached';
  const found: ConfigFault[] = [];
  if (catalogs.length > 0) found.push(configFault(['catalogs'], wrong, right));
  if (write !== undefined) found.push(configFault(['write'], wrong, right));
  return found;
}

/** Every server that must prove who it is, and where it stands. */
function proved({ gates, notify }: Omit<XotAgentConfig, 'limits'>) {
  const told = (notify?.to ?? []).flatMap(({ text, name }, index) =>
    name === undefined ? [] : [{ path: ['notify', 'to', index], text, name }],
  );
  return [
    ...gates.places.map(({ path, gate: { text, name } }) => ({ path: ['gates', ...path], text, name })),
    ...told,
  ];
}
