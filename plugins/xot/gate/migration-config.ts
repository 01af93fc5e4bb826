/** `migration-mode` of an xot gate (RFC 9103 sections 12 and 13): who may still transfer in clear, by TSIG. */
import { schema, type Endpoint, type Name, type PluginHost } from '../../../core/index.ts';
import { readTsigKey, tsigKeys, type TsigConfig } from '../upstream/tsig-file.ts';
import type { KeyHolder } from './migration.ts';

export interface MigrationConfig {
  readonly listen: readonly Endpoint[];
  readonly secondaries: readonly (TsigConfig & { readonly zones: readonly Name[] })[];
}

const domainPort = 53;
const maximumListens = 16;
const maximumSecondaries = 1_000;
const maximumZones = 10_000;
const { z } = schema;

export const migrationSchema: schema.ConfigSchema<MigrationConfig> = z
  .strictObject({
    listen: z.array(schema.endpoint(domainPort)).min(1).max(maximumListens).meta({
      what: 'a list of addresses',
      example: '["192.0.2.1:53"]',
      description: 'Where they come to, by TCP (and by UDP for SOA queries); port 53 unless one is given.',
    }),
    secondaries: z
      .array(
        z.strictObject({
          ...tsigKeys('at the secondary'),
          zones: z.array(schema.domainName()).min(1).max(maximumZones).meta({
            what: 'a list of zones',
            example: '[example.com]',
            description: 'Zones that who has this key may transfer.',
          }),
        }),
      )
      .min(1)
      .max(maximumSecondaries)
      .meta({
        what: 'a list of secondaries',
        example: '[{ key: ns2-key, secret-file: /etc/danced/ns2.secret, zones: [example.com] }]',
        description: 'One entry for each key.',
      }),
  })
  .meta({
    what: 'a map with listen and secondaries',
    example:
      '{ listen: ["192.0.2.1:53"], secondaries: [{ key: ns2-key, secret-file: /etc/danced/ns2.secret, zones: [example.com] }] }',
    description:
      'The migration mode of RFC 9103: transfers in clear, signed by TSIG, for secondaries that do not speak XoT yet. As long as it is on, zones can be read on the way to them; take it out when the last of them has moved.',
  });

/** With the secrets read. Throws Error with words for the operator. */
export function keyHolders(
  config: MigrationConfig | undefined,
  host: Pick<PluginHost, 'absolutePath'>,
): readonly KeyHolder[] {
  return (config?.secondaries ?? []).map((secondary) => ({
    key: readTsigKey(secondary, host),
    zones: secondary.zones,
  }));
}
