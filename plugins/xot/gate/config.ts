/** Configuration of `use: xot/gate`. */
import {
  connectionLimits,
  do53Limits,
  listenerKeys,
  proofKeys,
  refuseFaults,
  schema,
  type CheckLimits,
  type ConnectionLimits,
  type Do53Limits,
  type Endpoint,
  type ListenerConfig,
  type Name,
  type ProofConfig,
  type ZoneSet,
} from '../../../core/index.ts';
import { cacheLimits, type CacheLimits } from '../cache/limits.ts';
import { spillDirectoryKey } from '../cache/spill-key.ts';
import { checkLimits, checkSchema, type CheckConfig } from '../cache/version-check.ts';
import {
  catalogLimits,
  catalogNamesSchema,
  catalogsSchema,
  producedCatalogSchema,
  type CatalogLimits,
  type ProducedCatalog,
} from '../catalog/config.ts';
import { transferLimits, type TransferLimits } from '../limits.ts';
import { notifyLimits, type NotifyLimits } from '../notify/limits.ts';
import { parseUpstream, type UpstreamText } from '../upstream/target.ts';
import { tsigKeys, type TsigConfig } from '../upstream/tsig-file.ts';
import { updateLimits, type UpdateLimits } from '../update/limits.ts';
import { gateFaults } from './config-faults.ts';
import { migrationSchema, type MigrationConfig } from './migration-config.ts';
import { notifySchema, type GateNotify } from './notify-config.ts';

export interface XotGateConfig extends ListenerConfig, ProofConfig {
  readonly listen: readonly Endpoint[];
  /** Asked in this order; none for zone files. */
  readonly primary: readonly UpstreamText[];
  /** What messages to primaries in clear are signed with. */
  readonly tsig?: TsigConfig | undefined;
  readonly zones: readonly Name[] | ZoneFolderConfig;
  readonly serve: 'cached' | 'relayed';
  readonly check: CheckConfig;
  readonly catalogs: readonly Name[];
  readonly 'catalog-names': ZoneSet;
  readonly catalog?: ProducedCatalog | undefined;
  readonly notify?: GateNotify | undefined;
  readonly 'migration-mode'?: MigrationConfig | undefined;
  readonly update: boolean;
  /** A folder, as written. */
  readonly 'spill-directory': string;
  readonly limits: GateLimits;
}

export type GateLimits = ConnectionLimits &
  TransferLimits &
  CacheLimits &
  CatalogLimits &
  CheckLimits &
  NotifyLimits &
  UpdateLimits &
  Do53Limits;

export interface ZoneFolderConfig {
  /** A folder, as written. */
  readonly directory: string;
}

/** RFC 9103 section 7.3: port 853 unless agreed otherwise. */
const dotPort = 853;
/** Zones of one gate: more are a matter of catalog zones, not of lists in a file. */
const maximumZones = 10_000;
const maximumPrimaries = 8;
const { z } = schema;

export const gateLimits = {
  ...connectionLimits,
  ...transferLimits,
  ...cacheLimits,
  ...catalogLimits,
  ...checkLimits,
  ...notifyLimits,
  ...updateLimits,
  ...do53Limits,
} as const;

const primarySchema = schema.textBlock({ what: 'a server', example: '127.0.0.1:53' }, parseUpstream);

const zoneList = z.array(schema.domainName()).max(maximumZones);
const zoneFolder = z.strictObject({
  directory: schema.filePath('/etc/danced/zones').meta({ description: 'The folder of zone files.' }),
});

/** By hand, since no union of the schema library says which of two forms was meant. */
const zonesSchema: schema.ConfigSchema<XotGateConfig['zones']> = z
  .unknown()
  .transform((input, context): XotGateConfig['zones'] => {
    const isMap = typeof input === 'object' && input !== null && !Array.isArray(input);
    const read = (isMap ? zoneFolder : zoneList).safeParse(input);
    if (read.success) return read.data;
    for (const issue of read.error.issues)
      context.addIssue({ ...issue, input } as Parameters<typeof context.addIssue>[0]);
    return z.NEVER;
  });

export const xotGateSchema: schema.ConfigSchema<XotGateConfig> = z
  .strictObject({
    listen: schema
      .endpoints(dotPort)
      .meta({ description: 'Addresses to take TLS connections on; port 853 unless one is given.' }),
    primary: schema.oneOrMore(z.array(primarySchema).max(maximumPrimaries)).default([]).meta({
      what: 'a server, or a list of servers',
      example: '127.0.0.1:53',
      description:
        'Where zones come from: the address of a primary by plain TCP, port 53 unless one is given, best on loopback; or `ADDRESS[:PORT]#NAME`, a server that speaks XoT (another gate, BIND, NSD) and proves that name, port 853 unless one is given. Of a list the first that answers counts.',
    }),
    tsig: z.strictObject(tsigKeys('at the primary')).optional().meta({
      what: 'a map with key, algorithm and secret-file',
      example: '{ key: xfr.example, algorithm: hmac-sha256, secret-file: /etc/danced/tsig.secret }',
      description:
        'Signs all messages to primaries in clear, and takes none from them that is not signed (RFC 8945). For primaries that cannot be asked from loopback alone, or that ask for it.',
    }),
    ...proofKeys('primaries over TLS'),
    zones: zonesSchema.prefault([]).meta({
      description:
        'Zones that are served; the access list says to whom. A list of names; or a folder of zone files, `NAME.zone` or `NAME`, that take the place of a primary.',
      what: 'a list of zones, or a map with directory',
      example: '[example.com]',
    }),
    serve: schema.choice(['cached', 'relayed']).default('cached').meta({
      description:
        '`cached`: each version of a zone is fetched once, checked and kept, and given to all who ask. `relayed`: each request goes to the primary, and nothing is kept.',
    }),
    check: checkSchema,
    catalogs: catalogsSchema,
    'catalog-names': catalogNamesSchema,
    catalog: producedCatalogSchema.optional(),
    notify: notifySchema.optional(),
    'migration-mode': migrationSchema.optional(),
    update: schema.flag().default(false).meta({
      description:
        'Whether dynamic updates (RFC 2136) are passed on to the primary, from clients to whom the access list gives `update` for the zone.',
    }),
    'spill-directory': spillDirectoryKey,
    // Zones are for those who are known, unless the operator says otherwise.
    ...listenerKeys({ onFailure: 'alert' }),
    limits: schema.fromLimits(gateLimits),
  })
  .superRefine(refuseFaults(gateFaults));
