/** What a gate or agent is told about catalog zones (RFC 9432): those it consumes, and the one it makes. */
import {
  readZonePattern,
  schema,
  ZoneSet,
  type ConfigSchema,
  type LimitsTable,
  type Name,
  type ZonePattern,
} from '../../../core/index.ts';

export const catalogLimits = {
  'catalog-members': {
    default: 100_000,
    min: 1,
    max: 10_000_000,
    unit: 'count',
    reason:
      'zones that one catalog may list; one with more is treated as broken, and nothing of it is processed',
  },
} as const satisfies LimitsTable;

export type CatalogLimits = Readonly<Record<keyof typeof catalogLimits, number>>;

/** The catalog that is made. */
export interface ProducedCatalog {
  readonly name: Name;
}

/** Catalogs of one gate: each is a zone that is kept, and has zones that are. */
const maximumCatalogs = 100;
const maximumPatterns = 10_000;

/** The key `catalogs`. */
export const catalogsSchema: ConfigSchema<readonly Name[]> = schema.z
  .array(schema.domainName('catalog.example'))
  .max(maximumCatalogs)
  .default([])
  .meta({
    description:
      'Catalog zones (RFC 9432) that are fetched like other zones; the zones that they list are fetched too, and forgotten when they are listed no more.',
    what: 'a list of catalog zones',
    example: '[catalog.example]',
  });

/** The key `catalog-names`. */
export const catalogNamesSchema: ConfigSchema<ZoneSet> = schema.z
  .array(
    schema.textBlock<ZonePattern>({ what: 'a zone, *.name or *', example: '*.example.com' }, readZonePattern),
  )
  .min(1)
  .max(maximumPatterns)
  .transform((patterns) => new ZoneSet(patterns))
  .prefault(['*'])
  .meta({
    description:
      'Zones that a catalog may list: a name, `*.name` for every name below it, `*` for every zone. Others are passed over. Who makes the catalogs decides what is served here, so it is good to say what they may decide (RFC 9432 section 7).',
    what: 'a list of zones or patterns',
    example: '["*.customers.example"]',
  });

/** The key `catalog`. */
export const producedCatalogSchema: ConfigSchema<ProducedCatalog> = schema.z
  .strictObject({
    name: schema.domainName('members.example').meta({
      description:
        'Name of the catalog zone that lists all zones that are served. Use one of your own, or one below `invalid`.',
    }),
  })
  .meta({
    what: 'a map with name',
    example: '{ name: members.example }',
    description:
      'A catalog zone (RFC 9432) that we make of all zones that are served, for secondaries that read catalogs.',
  });
