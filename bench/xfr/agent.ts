/**
 * The row about a secondary that cannot do better itself: the NSD of this machine (4.6 in Debian 12) with nothing but plain AXFR from
 * our agent beside it, which has the zone from our gate over mutual TLS, both proved; beside the same NSD with its own XoT to NSD 4.12.
 * Counted from the start of its process, with no zone on disk, to the first SOA record that it answers.
 *
 * Limitations: the agent that is measured has the zone already, as one has that runs; one that is started with the NSD is told too.
 * NSD 4.6 forgets its certificate on the first connection that it makes; its configuration is as its manual has it, with one
 * `request-xfr`.
 */
import { freePort, pathOf, runProgram } from '../../test/support/peers/test-bed.ts';
import { pinned, preferred, serverCpu } from '../processes.ts';
import { median, row } from '../report.ts';
import type { MakeCase } from './case.ts';
import { gateName, publishKey } from './ours.ts';
import type { Server } from './peers.ts';
import type { World } from './world.ts';
import { firstSerial } from './zone.ts';

const mostSeconds = 3;
/** The others are told only, and the peer takes half a minute. */
const mostOtherRounds = 2;
const peerSeconds = 120;

/** Seconds. */
interface Seen {
  readonly running: number[];
  readonly fresh: number[];
  readonly itsOwn: number[];
}

/** Row 7. */
export const agentCase: MakeCase = async (world) => {
  const zone = await world.zone();
  const [gate, nsd] = [await world.cached(), await world.nsd()];
  const [version = 'of this machine'] =
    /\d[\d.]*/.exec((await runProgram(pathOf('nsd'), ['-v'])).stderr) ?? [];
  publishKey(world.lab, `_${String(gate.port)}._tcp.${gateName}`, world.parts.server);
  const agent = await startAgent(world, gate, zone.apex);
  await world.load.waitForSerial({ port: agent.port, zone: zone.apex, transport: 'tcp' }, firstSerial);
  const seen: Seen = { running: [], fresh: [], itsOwn: [] };
  return {
    warmUp: () => Promise.resolve(),
    async round() {
      const running = await untilServed(world, zone.apex, from(agent));
      seen.running.push(running);
      const words = `through our agent ${running.toFixed(2)} s`;
      if (seen.itsOwn.length === mostOtherRounds) return words;
      const other = await startAgent(world, gate, zone.apex);
      const fresh = await untilServed(world, zone.apex, from(other));
      seen.fresh.push(fresh);
      await other.front.stop();
      const itsOwn = await withItsOwn(world, nsd, zone.apex);
      seen.itsOwn.push(itsOwn);
      return `${words}, through one that has just been started ${fresh.toFixed(2)} s, by its own XoT ${itsOwn.toFixed(2)} s`;
    },
    rows() {
      const what = `an NSD ${version} without a zone, from its start until it serves the ${String(zone.records)} records, from our gate through our agent`;
      const unit = 'seconds';
      const peer = { name: `NSD ${version} by its own XoT from NSD 4.12`, figure: median(seen.itsOwn) };
      const aim = { words: `at most ${String(mostSeconds)}`, isMet: (ours: number) => ours <= mostSeconds };
      return [
        row({ what: `${what} that runs beside it`, unit, ours: median(seen.running), peer, aim }),
        row({ what: `${what} that has nothing yet either`, unit, ours: median(seen.fresh), peer }),
      ];
    },
  };
};

function from({ port }: Server): string {
  return `127.0.0.1@${String(port)} NOKEY`;
}

/** Starts an agent; it takes requests when this resolves, but may not have the zone yet. */
async function startAgent(world: World, gate: Server, zone: string): Promise<Server> {
  const { bed, secondaries, danced } = world.parts;
  const [own] = secondaries;
  if (own === undefined) throw new Error('no secondary');
  const port = await freePort();
  const folder = `agent-${String(port)}`;
  bed.write(`${folder}/own/certificate.pem`, own.certificatePem);
  bed.write(`${folder}/own/key.pem`, own.privateKeyPem, 0o600);
  bed.write(`${folder}/root.key`, `${world.lab.rootAnchor()}\n`);
  const config = bed.write(
    `${folder}/danced.yaml`,
    `version: 1
identity: { name: ${own.name}, directory: own }
resolver: { servers: ["127.0.0.1:${String(world.lab.resolver.port)}"], trust-anchors: root.key }
plugins:
  - use: xot/agent
    listen: ["127.0.0.1:${String(port)}"]
    gates: ["127.0.0.1:${String(gate.port)}#${gateName}"]
    zones: [${zone}]
`,
  );
  const log = bed.write(`${folder}/log`, '');
  const [command, args] = pinned(serverCpu, ...preferred([process.execPath, [danced, 'run', '-c', config]]));
  const front = bed.start('sh', ['-c', 'exec "$@" 2>"$0"', log, command, ...args], log);
  await front.waitForPort(port);
  return { port, front, behind: [] };
}

function withItsOwn(world: World, nsd: Server, zone: string): Promise<number> {
  const { bed, server, secondaries } = world.parts;
  const [own] = secondaries;
  if (own === undefined) throw new Error('no secondary');
  const certificate = bed.write('nsd-own/certificate.pem', own.certificatePem);
  const key = bed.write('nsd-own/key.pem', own.privateKeyPem, 0o600);
  const auth = `tls-auth:
  name: primary
  auth-domain-name: ${gateName}
  client-cert: "${certificate}"
  client-key: "${key}"
`;
  bed.write('nsd-own/primary.pem', server.certificatePem);
  return untilServed(world, zone, `${from(nsd)} primary`, auth);
}

/** Starts the NSD of this machine with no zone, and gives the seconds until it serves one. */
async function untilServed(world: World, zone: string, source: string, auth = ''): Promise<number> {
  const { bed } = world.parts;
  const port = await freePort();
  const name = `nsd-secondary-${String(port)}`;
  const folder = bed.folder(name);
  const config = bed.write(
    `${name}/nsd.conf`,
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${String(port)}
${auth === '' ? '' : `  tls-cert-bundle: "${bed.folder('nsd-own')}/primary.pem"\n`}  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
remote-control:
  control-enable: no
${auth}zone:
  name: ${zone}
  zonefile: "zone"
  request-xfr: AXFR ${source}
`,
  );
  const [command, args] = pinned(serverCpu, ...preferred([pathOf('nsd'), ['-d', '-c', config]]));
  const begunMs = performance.now();
  const program = bed.start(command, args, `${folder}/log`);
  try {
    await world.load.waitForSerial({ port, zone, transport: 'tcp' }, firstSerial, peerSeconds);
    return (performance.now() - begunMs) / 1000;
  } finally {
    await program.stop();
  }
}
