/** Configuration of `use: xot/gate`. */
import {
  connectionLimits,
  do53Limits,
  listenerKeys,
  schema,
  type ConnectionLimits,
  type Do53Limits,
  type Endpoint,
  type ListenerConfig,
  type Name,
} from '../../../core/index.ts';
import { cacheLimits, type CacheLimits } from '../cache/limits.ts';
import { transferLimits, type TransferLimits } from '../limits.ts';
import { notifyLimits, type NotifyLimits } from '../notify/limits.ts';
import { parseSource, type SourceBlock } from '../notify/sources.ts';

export interface XotGateConfig extends ListenerConfig {
  readonly listen: readonly Endpoint[];
  /** Asked in this order. */
  readonly primary: readonly Endpoint[];
  readonly zones: readonly Name[];
  readonly serve: 'cached' | 'relayed';
  readonly notify?: GateNotify | undefined;
  /** A folder, as written. */
  readonly 'spill-directory': string;
  readonly limits: ConnectionLimits & TransferLimits & CacheLimits & NotifyLimits & Do53Limits;
}

/** Who tells us of changes, and whom we tell. */
export interface GateNotify {
  readonly listen: readonly Endpoint[];
  readonly from: readonly SourceBlock[];
  readonly to: readonly Endpoint[];
}

/** RFC 9103 section 7.3: port 853 unless agreed otherwise. */
const dotPort = 853;
const domainPort = 53;
/** Zones of one gate: more are a matter of catalog zones, not of lists in a file. */
const maximumZones = 10_000;

const maximumPrimaries = 8;
const maximumSources = 100;
const maximumTargets = 1_000;
const { z } = schema;

export const gateLimits = {
  ...connectionLimits,
  ...transferLimits,
  ...cacheLimits,
  ...notifyLimits,
  ...do53Limits,
} as const;

/** One value may stand for a list of one. */
const asList = (value: unknown): unknown => (typeof value === 'string' ? [value] : value);

const notifySchema = z
  .strictObject({
    listen: z.array(schema.endpoint(domainPort)).max(maximumPrimaries).default([]).meta({
      what: 'a list of addresses',
      example: '["127.0.0.1:5353"]',
      description:
        'Where NOTIFY is taken in clear, by UDP and TCP, from a primary that can do no better; port 53 unless one is given. Over TLS it is taken at `listen` of the gate, from those to whom the access list gives `notify`.',
    }),
    from: z
      .array(schema.textBlock({ what: 'an address or a prefix', example: '127.0.0.1' }, parseSource))
      .max(maximumSources)
      .default([parseSource('127.0.0.0/8'), parseSource('::1')])
      .meta({
        what: 'a list of addresses',
        example: '["127.0.0.1"]',
        description:
          'From where it is taken in clear. Anybody can claim to be there; what he gets by it is that we ask the primary.',
      }),
    to: z.array(schema.endpoint(domainPort)).max(maximumTargets).default([]).meta({
      what: 'a list of servers',
      example: '["192.0.2.2:53"]',
      description:
        'Secondaries that are told when a zone has a new version (RFC 1996); needs `serve: cached`.',
    }),
  })
  .meta({
    what: 'a map with listen, from and to',
    example: '{ listen: ["127.0.0.1:5353"], to: ["192.0.2.2:53"] }',
    description: 'Who tells us of new versions, and whom we tell.',
  });

export const xotGateSchema: schema.ConfigSchema<XotGateConfig> = z.strictObject({
  listen: schema
    .endpoints(dotPort)
    .meta({ description: 'Addresses to take TLS connections on; port 853 unless one is given.' }),
  primary: z.preprocess(asList, z.array(schema.endpoint(domainPort)).min(1).max(maximumPrimaries)).meta({
    what: 'an address, or a list of addresses',
    example: '127.0.0.1:53',
    description:
      'The primary, plain TCP; port 53 unless one is given. Keep it on loopback. Of a list the first that answers counts.',
  }),
  zones: z.array(schema.domainName()).min(1).max(maximumZones).meta({
    description: 'Zones that are relayed; the access list says to whom.',
    what: 'a list of zones',
    example: '[example.com]',
  }),
  serve: schema.choice(['cached', 'relayed']).default('cached').meta({
    description:
      '`cached`: each version of a zone is fetched once, checked and kept, and given to all who ask. `relayed`: each request goes to the primary, and nothing is kept.',
  }),
  notify: notifySchema.optional(),
  'spill-directory': schema.filePath('/var/tmp').default('/var/tmp').meta({
    what: 'a folder',
    example: '/var/tmp',
    description:
      'Where zones go that do not fit into `memory-octets`: files without a name, which only danced can read, and which are gone when it ends.',
  }),
  // Zones are for those who are known, unless the operator says otherwise.
  ...listenerKeys({ onFailure: 'alert' }),
  limits: schema.fromLimits(gateLimits).meta({ description: 'Bounds; each has a default.' }),
});
