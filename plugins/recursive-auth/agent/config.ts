/** Configuration of `use: recursive-auth/agent`. */
import { isIP } from 'node:net';
import {
  allowKey,
  configFault,
  do53Limits,
  gateList,
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
  type SourceBlock,
} from '../../../core/index.ts';
import { agentLimits, gateLimits, type AgentLimits } from './limits.ts';
import { opportunisticLimits, type OpportunisticLimits } from './opportunistic/limits.ts';

export interface RecursiveAgentConfig extends ProofConfig {
  readonly listen: readonly Endpoint[];
  readonly zones: readonly ZoneConfig[];
  readonly allow: readonly SourceBlock[];
  /** A path, as written: what is known of the servers of opportunistic zones. */
  readonly 'state-file'?: string | undefined;
  readonly limits: AgentLimits & OpportunisticLimits & Do53Limits;
}

export interface ZoneConfig {
  readonly zone: Name;
  readonly mode: 'strict' | 'opportunistic';
  /** Of a strict zone; undefined: those that its NS records name. */
  readonly gates?: readonly GateText[] | undefined;
  /** Addresses, of an opportunistic zone; undefined: those of its NS records. */
  readonly servers?: readonly string[] | undefined;
}

/** Neither that of mDNS nor that of xot/agent. */
const usualListen = '127.0.0.1:5354';
const maxZones = 1_000;
const maxServers = 16;
const { z } = schema;

const serverAddress = schema.textBlock({ what: 'an address', example: '192.0.2.1' }, (text) => {
  if (isIP(text) === 0 || text.includes('%')) {
    throw new RangeError('is not an IP address; the ports are those of DNS, 853 and 53');
  }
  return text;
});

const zoneSchema = z
  .strictObject({
    zone: schema.domainName('corp.example').meta({
      description: 'The zone. What lies below it is asked here as well, unless a zone of the list is nearer.',
    }),
    mode: schema.choice(['strict', 'opportunistic']).default('strict').meta({
      description:
        '`strict`: only servers that prove themselves are asked, over TLS and under our identity; without one there is no answer. `opportunistic`: any server of the zone, encrypted where it can be and in clear where it cannot (RFC 9539), and never under our identity.',
    }),
    gates: gateList('192.0.2.1#ns1.corp.example').optional().meta({
      what: 'a list of gates',
      example: '["192.0.2.1#ns1.corp.example"]',
      description:
        'The gates of a strict zone, the one that is preferred first: `ADDRESS[:PORT]#NAME` with the name that it must prove, a name alone, whose addresses are looked up by `resolver`, or an address alone, with `pins`. Port 853 unless one is given. Without it the gates are the servers that the NS records of the zone name, which must be protected by DNSSEC.',
    }),
    servers: z.array(serverAddress).min(1).max(maxServers).optional().meta({
      what: 'a list of addresses',
      example: '[192.0.2.1]',
      description:
        'The servers of an opportunistic zone, by their addresses. Without it they are those that its NS records name.',
    }),
  })
  .meta({
    what: 'a map with zone',
    example: '{ zone: corp.example, gates: ["192.0.2.1#ns1.corp.example"] }',
  });

export const recursiveAgentSchema: schema.ConfigSchema<RecursiveAgentConfig> = z
  .strictObject({
    listen: schema.agentEndpoints(usualListen, 'a resolver').meta({
      description:
        'Addresses for the recursive resolver beside the agent: plain DNS, UDP and TCP; port 53 unless one is given. Whoever can ask there asks in our name: keep them on loopback. Sockets that systemd has opened for these addresses are used.',
    }),
    zones: z.array(zoneSchema).min(1).max(maxZones).meta({
      what: 'a list of zones',
      example: '[{ zone: corp.example, gates: ["192.0.2.1#ns1.corp.example"] }]',
      description:
        'Zones that the recursive resolver sends here. Names in none of them are refused. What they delegate comes back as a delegation, which stub zones follow (in BIND static-stub), and forward zones do not. `resolver.servers` of the configuration must not be a resolver that sends these zones here, unless it has the names of their servers from elsewhere: the two would wait for each other.',
    }),
    ...proofKeys('gates', 'gate'),
    allow: allowKey,
    'state-file': schema.filePath('/var/lib/danced/probing.json').optional().meta({
      what: 'a path',
      example: '/var/lib/danced/probing.json',
      description:
        'Where it is kept which servers of opportunistic zones can be asked over TLS, so that a restart need not find it out again (RFC 9539 section 4.3). Without it that is kept in memory alone.',
    }),
    limits: schema.fromLimits({ ...agentLimits, ...gateLimits, ...opportunisticLimits, ...do53Limits }),
  })
  .superRefine(refuseFaults(faults));

/** What is wrong with keys that are right each by itself. */
function faults(config: Omit<RecursiveAgentConfig, 'limits'>): readonly ConfigFault[] {
  const { zones } = config;
  const found = zones.flatMap((zone, index) => zoneFaults(zone, index, zones));
  const isOpportunistic = zones.some(({ mode }) => mode === 'opportunistic');
  if (config['state-file'] !== undefined && !isOpportunistic) {
    const right = 'take it out, or write mode: opportunistic at a zone';
    found.push(configFault(['state-file'], 'is for opportunistic zones, and there is none', right));
  }
  return [...found, ...strictFaults(config)];
}

function zoneFaults(
  { zone, mode, gates = [], servers }: ZoneConfig,
  index: number,
  zones: readonly ZoneConfig[],
): ConfigFault[] {
  const at = ['zones', index];
  const found: ConfigFault[] = [];
  if (zones.findIndex((other) => other.zone.equals(zone)) < index)
    found.push(configFault([...at, 'zone'], `${zone.toString()} is there already`, 'take it out'));
  if (mode === 'opportunistic' && gates.length > 0) {
    const wrong = 'are servers that prove themselves, and the mode of the zone is opportunistic';
    found.push(configFault([...at, 'gates'], wrong, 'take mode out, or write servers: with addresses'));
  }
  if (mode === 'strict' && servers !== undefined) {
    const wrong = 'is for opportunistic zones: an address alone proves nothing';
    found.push(
      configFault([...at, 'servers'], wrong, 'write gates: with ADDRESS#NAME, or mode: opportunistic'),
    );
  }
  for (const [gate, { text }] of gates.entries()) {
    if (gates.findIndex((other) => other.text === text) < gate)
      found.push(configFault([...at, 'gates', gate], 'is there already', 'take it out'));
  }
  return found;
}

/** What is wrong with what gates are to be proved by. */
function strictFaults(config: Omit<RecursiveAgentConfig, 'limits'>): readonly ConfigFault[] {
  const strict = [...config.zones.entries()].filter(([, { mode }]) => mode === 'strict');
  if (strict.length === 0) {
    const keys = ['dane', 'roots', 'pins'] as const;
    return keys
      .filter((key) => (key === 'pins' ? config.pins.length > 0 : config[key] !== undefined))
      .map((key) => configFault([key], 'is for strict zones, and there is none', 'take it out'));
  }
  const proved = strict.flatMap(([index, { zone, gates }]) =>
    gates === undefined
      ? // Its servers have names, whatever they are.
        [{ path: ['zones', index], text: zone.toString(), name: zone }]
      : gates.map(({ text, name }, gate) => ({ path: ['zones', index, 'gates', gate], text, name })),
  );
  return proofFaults(config, proved, 'gate');
}
