/** Configuration of `use: xot/gate`. */
import {
  connectionLimits,
  listenerKeys,
  schema,
  type ConnectionLimits,
  type Endpoint,
  type ListenerConfig,
  type Name,
} from '../../../core/index.ts';
import { transferLimits, type TransferLimits } from '../limits.ts';

export interface XotGateConfig extends ListenerConfig {
  readonly listen: readonly Endpoint[];
  readonly primary: Endpoint;
  readonly zones: readonly Name[];
  readonly limits: ConnectionLimits & TransferLimits;
}

/** RFC 9103 section 7.3: port 853 unless agreed otherwise. */
const dotPort = 853;
const domainPort = 53;
/** Zones of one gate: more are a matter of catalog zones, not of lists in a file. */
const maximumZones = 10_000;

export const xotGateSchema: schema.ConfigSchema<XotGateConfig> = schema.z.strictObject({
  listen: schema
    .endpoints(dotPort)
    .meta({ description: 'Addresses to take TLS connections on; port 853 unless one is given.' }),
  primary: schema
    .endpoint(domainPort)
    .meta({ description: 'The primary, plain TCP; port 53 unless one is given. Keep it on loopback.' }),
  zones: schema.z.array(schema.domainName()).min(1).max(maximumZones).meta({
    description: 'Zones that are relayed; the access list says to whom.',
    what: 'a list of zones',
    example: '[example.com]',
  }),
  // Zones are for those who are known, unless the operator says otherwise.
  ...listenerKeys({ onFailure: 'alert' }),
  limits: schema
    .fromLimits({ ...connectionLimits, ...transferLimits })
    .meta({ description: 'Bounds; each has a default.' }),
});
