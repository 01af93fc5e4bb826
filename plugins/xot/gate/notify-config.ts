/** `notify` of an xot gate: who tells us of new versions, and whom we tell. */
import { ownSources, schema, sourceList, type Endpoint, type SourceBlock } from '../../../core/index.ts';
import { parseUpstream, type UpstreamText } from '../upstream/target.ts';

export interface GateNotify {
  readonly listen: readonly Endpoint[];
  readonly from: readonly SourceBlock[];
  readonly to: readonly UpstreamText[];
}

const domainPort = 53;
const maximumListens = 16;
const maximumTargets = 1_000;
const { z } = schema;

export const notifySchema = z
  .strictObject({
    listen: z.array(schema.endpoint(domainPort)).max(maximumListens).default([]).meta({
      what: 'a list of addresses',
      example: '["127.0.0.1:5353"]',
      description:
        'Where NOTIFY is taken in clear, by UDP and TCP, from a primary that can do no better; port 53 unless one is given. Over TLS it is taken at `listen` of the gate, from those to whom the access list gives `notify`.',
    }),
    from: sourceList('127.0.0.1').default(ownSources).meta({
      what: 'a list of addresses',
      example: '["127.0.0.1"]',
      description:
        'From where it is taken in clear. Anybody can claim to be there; what he gets by it is that we ask the primary.',
    }),
    to: z
      .array(schema.textBlock({ what: 'a server', example: '192.0.2.2:53' }, parseUpstream))
      .max(maximumTargets)
      .default([])
      .meta({
        what: 'a list of servers',
        example: '["192.0.2.2:53"]',
        description:
          'Secondaries that are told when a zone has a new version (RFC 1996): in clear, port 53 unless one is given; or `ADDRESS[:PORT]#NAME`, over TLS, when it has proved that name.',
      }),
  })
  .meta({
    what: 'a map with listen, from and to',
    example: '{ listen: ["127.0.0.1:5353"], to: ["192.0.2.2:53"] }',
    description: 'Who tells us of new versions, and whom we tell.',
  });
