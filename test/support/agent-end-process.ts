/**
 * An agent as a process of its own, between a reload and its end: it has connections, lookups and questions under way, before the
 * reload and after it, that nobody ever answers. It says `stopped` when the agent says so, and must then end by itself.
 *
 *     node test/support/agent-end-process.ts AGENT SILENT-PORT PIN [OTHER-SILENT-PORT]
 */
import dgram from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import type { Plugin, PluginHost } from '../../core/plugin/contract.ts';
import { createHost, type HostParts } from '../../core/plugin/host.ts';
import type { Resolver } from '../../core/resolver/resolver.ts';
import { dotAgent } from '../../plugins/dot-resolver/agent/agent.ts';
import { recursiveAgentIn } from '../../plugins/recursive-auth/agent/agent.ts';
import { xotAgent } from '../../plugins/xot/agent/agent.ts';
import { systemSigns } from '../../core/gates/network-watch.ts';
import { memoryLog } from './memory-log.ts';
import { asLoaded, issueTestIdentity } from './test-identity.ts';

const [agent = '', tlsPort = '', pin = '', clearPort = ''] = process.argv.slice(2);
/** Far longer than anybody may wait for the end of the process. */
const limits = { 'agent-time': '60s', 'gate-answer-time': '60s' };
const gate = `127.0.0.1:${tlsPort}`;
const proof = { pins: [pin] };

interface Case {
  readonly plugin: Plugin<unknown>;
  /** As it is at first, and after the reload. */
  readonly configs: readonly [object, object];
  readonly names: readonly string[];
}

const cases: Readonly<Record<string, () => Case>> = {
  'dot-resolver': () => {
    const config = { servers: [gate], ...proof, limits };
    const byName = { servers: [gate, 'gate.example'], ...proof, limits };
    return { plugin: dotAgent, configs: [config, byName], names: ['www.example'] };
  },
  'recursive-auth': () => {
    const zones = [
      { zone: 'gated.example', gates: [gate] },
      { zone: 'named.example' },
      { zone: 'opportunistic.example', mode: 'opportunistic', servers: ['127.0.0.1'] },
      { zone: 'looked.example', mode: 'opportunistic' },
    ];
    const ports = { clear: Number(clearPort), encrypted: Number(tlsPort) };
    return {
      plugin: recursiveAgentIn({ signs: systemSigns, ports }),
      configs: [
        {
          zones,
          ...proof,
          limits: { 'agent-time': '60s', 'gate-answer-time': '60s', 'probe-answer': '30s' },
        },
        { zones: zones.slice(0, 2), ...proof, limits },
      ],
      names: zones.map(({ zone }) => zone),
    };
  },
  xot: () => {
    const config = {
      ...{ gates: [gate], zones: ['example'], serve: 'relayed', ...proof },
      limits: { 'gate-answer-time': '60s' },
    };
    return { plugin: xotAgent, configs: [config, config], names: ['example'] };
  },
};

const { plugin, configs, names } = cases[agent]!();
const identity = asLoaded(await issueTestIdentity('agent.example'));
const silentResolver: Resolver = { lookup: () => new Promise(() => undefined) };
let listening = 0;
const log = memoryLog();
const host = createHost('test', {
  identity: () => identity,
  ownName: Name.parse('agent.example'),
  folder: '/',
  access: {},
  resolver: silentResolver,
  roots: [],
  extensionType: 53,
  log: { ...log, child: () => log },
  metrics: new Metrics(),
  nowMs: Date.now,
} as unknown as HostParts);
const noticing: PluginHost = {
  ...host,
  listenPlain: (options, handler) => {
    const listener = host.listenPlain(options, handler);
    return {
      open: async () => {
        const opened = await listener.open();
        listening = opened[0]?.port ?? 0;
        return opened;
      },
      setLimits: (next) => {
        listener.setLimits(next);
      },
      close: (deadlineMs) => listener.close(deadlineMs),
    };
  },
};

const [first, second] = configs.map((config) => plugin.schema.parse({ listen: ['127.0.0.1:0'], ...config }));
const instance = plugin.setup(noticing, first);
await instance.start();
ask();
await sleep(500);
instance.reload(second);
ask();
await sleep(500);
await instance.stop(100);
process.stdout.write('stopped\n');
setTimeout(() => {
  process.stdout.write(`alive: ${process.getActiveResourcesInfo().join(' ')}\n`);
}, 3_500).unref();

function ask(): void {
  const socket = dgram.createSocket('udp4');
  const type = agent === 'xot' ? RrType.SOA : RrType.A;
  const queries = names.map((name, id) =>
    encodeMessage(makeQuery({ id, name: Name.parse(name), type, rd: true })),
  );
  let left = queries.length;
  for (const query of queries)
    socket.send(query, listening, '127.0.0.1', () => {
      left -= 1;
      if (left === 0) socket.close();
    });
}
