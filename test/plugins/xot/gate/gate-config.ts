/** Configurations of gates that pass everything on to one primary, for tests of what is done with requests. */
import { Name } from '../../../../core/dns/name.ts';
import { formatEndpoint, type Endpoint } from '../../../../core/config/endpoint.ts';
import { gateLimits, xotGateSchema, type XotGateConfig } from '../../../../plugins/xot/gate/config.ts';
import { limitsOf } from '../../../support/limits.ts';
import { zone } from '../messages.ts';

export function relayedConfig(
  primary: Endpoint,
  limits: Partial<XotGateConfig['limits']> = {},
  more: Partial<XotGateConfig> = {},
): XotGateConfig {
  const parsed = xotGateSchema.parse({
    listen: ['127.0.0.1:0'],
    primary: formatEndpoint(primary),
    zones: [zone.toString()],
    serve: 'relayed',
  });
  return {
    ...parsed,
    listen: [],
    zones: [zone, Name.parse('example.org')],
    limits: { ...limitsOf(gateLimits), ...limits },
    ...more,
  };
}
