/**
 * A gate of recursive-auth as a process, three known resolvers as another and strangers as a third, for who wants to see what is
 * left for those who are known. Their TLSA records are in a signed DNS in the process of the caller.
 *
 * All of them go before whatever else this machine does, as far as this user may say so: they have enough to do with each other.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, tlsaRdata } from './gate.ts';
import { makeIdentity as makeIdentityFiles } from './identity-files.ts';
import { startNsdPrimary } from './peers/primaries.ts';
import { freePort, TestBed, type RunningProgram } from './peers/test-bed.ts';
import { numberedZone } from './peers/zone-text.ts';
import { ResolverLoad, type LoadOrder, type LoadReport, type LoadShape } from './resolver-load.ts';

export interface OverloadOptions {
  /** The server behind the gate, or a fast one: NSD. */
  readonly upstream: number | 'nsd';
  /** What strangers do. */
  readonly strangers: Pick<LoadShape, 'connections' | 'names'> & Pick<LoadOrder, 'perSecond' | 'perWrite'>;
  /** Queries of the three known resolvers together. */
  readonly knownPerSecond: number;
  readonly durationMs: number;
}

/** What known resolvers got: alone, while strangers asked, and when they had stopped. */
export interface OverloadReport {
  readonly alone: LoadReport;
  readonly beside: LoadReport;
  readonly after: LoadReport;
  readonly strangers: LoadReport;
}

const zone = 'names.example';
const known = ['one.members.example', 'two.members.example', 'three.members.example'];
/** Of as many networks, each of which is a stranger. */
const strangerAddresses = Array.from({ length: 16 }, (_, index) => `127.3.${String(index)}.1`);
const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
const address = '127.0.0.1';
/** Strangers stop so long after the known resolvers have asked all. */
const overlapMs = 1_000;
/** After the strangers, what they have sent is still in the buffers of the kernel. */
const calmMs = 15_000;
const pollMs = 250;
const warmUpMs = 1_500;
const warmUpPerSecond = 2_000;

export class OverloadBed {
  readonly gate: RunningProgram;
  readonly #bed: TestBed;
  readonly #lab: Lab;
  readonly #options: OverloadOptions;
  readonly #port: number;
  readonly #adminPort: number;
  readonly #loads: ResolverLoad[] = [];

  private constructor(
    options: OverloadOptions,
    parts: { bed: TestBed; lab: Lab; gate: RunningProgram; port: number; adminPort: number },
  ) {
    this.#options = options;
    this.#bed = parts.bed;
    this.#lab = parts.lab;
    this.gate = parts.gate;
    this.#port = parts.port;
    this.#adminPort = parts.adminPort;
  }

  static async start(options: OverloadOptions): Promise<OverloadBed> {
    const bed = new TestBed();
    const lab = await startLab({ zones: ['members.example'], unsignedZones: [] });
    try {
      const [port, adminPort] = [await freePort(), await freePort()];
      const wildcard = `*.${zone}. 3600 IN A 192.0.2.1`;
      const nsd =
        options.upstream === 'nsd' && (await startNsdPrimary(bed, numberedZone(zone, 1, 3, [wildcard])));
      // NSD limits the rate of its answers over UDP, which all go to one address here.
      const upstream = nsd
        ? { port: nsd.port, transport: 'tcp' }
        : { port: Number(options.upstream), transport: 'udp' };
      const config = await writeConfig(bed, lab, { port, adminPort, upstream });
      const gate = bed.start(process.execPath, [main, 'run', '-c', config]);
      await gate.waitForPort(port);
      for (const pid of [process.pid, gate.pid, ...(nsd ? [nsd.program.pid] : [])]) setNiceness(pid, -19);
      return new OverloadBed(options, { bed, lab, gate, port, adminPort });
    } catch (error) {
      await bed.close();
      await lab.close();
      throw error;
    }
  }

  /** `say` takes words about each part when it is done. */
  async measure(say: (what: string, report: LoadReport) => void): Promise<OverloadReport> {
    const { knownPerSecond, durationMs, strangers: how } = this.#options;
    const resolvers = await this.#openKnown();
    const order = { durationMs, perSecond: knownPerSecond, perWrite: 1, waitMs: 5_000 };
    await resolvers.run({ ...order, durationMs: 2_000 });
    const alone = await resolvers.run(order);
    say('known resolvers alone', alone);
    const strangers = await this.#open({
      clients: [],
      localAddresses: strangerAddresses,
      firstName: 2 ** 29,
      ...how,
    });
    // What compilers and caches need is not what strangers can take from others again and again.
    await strangers.run({ durationMs: warmUpMs, perSecond: warmUpPerSecond, perWrite: 1, waitMs: 0 });
    const flood = strangers.run({
      ...{ durationMs: durationMs + overlapMs, waitMs: 0 },
      ...{ perSecond: how.perSecond, perWrite: how.perWrite },
    });
    // From the first moment on.
    const beside = await resolvers.run(order);
    say('known resolvers beside strangers', beside);
    const ofStrangers = await flood;
    say('strangers', ofStrangers);
    await strangers.close();
    await this.#calm();
    const after = await resolvers.run(order);
    say('known resolvers afterwards', after);
    return { alone, beside, after, strangers: ofStrangers };
  }

  async close(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.close()));
    setNiceness(process.pid, 0);
    await this.#bed.close();
    await this.#lab.close();
  }

  async #openKnown(): Promise<ResolverLoad> {
    const clients = await Promise.all(known.map((name) => makeIdentity(name)));
    for (const [index, client] of clients.entries())
      this.#lab.publishTlsa(known[index] ?? '', [tlsaRdata(client)]);
    return this.#open({
      ...{ connections: known.length, clients, localAddresses: [address] },
      ...{ firstName: 0, names: 2 ** 28 },
    });
  }

  async #open(shape: Omit<LoadShape, 'address' | 'port' | 'zone'>): Promise<ResolverLoad> {
    const load = await ResolverLoad.open({ ...shape, address, port: this.#port, zone });
    this.#loads.push(load);
    return load;
  }

  /** Nothing of the strangers is left: no connection, no question. */
  async #calm(): Promise<void> {
    const what = 'nothing of the strangers left';
    await this.gate.waitFor(
      what,
      async () => {
        await new Promise((resolve) => setTimeout(resolve, pollMs));
        const text = await (await fetch(`http://${address}:${String(this.#adminPort)}/metrics`)).text();
        const of = (series: string): number =>
          Number(new RegExp(`^danced_${series}({.*})? (.*)$`, 'm').exec(text)?.[2] ?? NaN);
        return of('connections') === known.length && of('authoritative_waiting') === 0;
      },
      calmMs,
    );
  }
}

/** Of a process, and of all that are of its session (sched(7), autogroups). */
function setNiceness(pid: number, niceness: number): void {
  try {
    writeFileSync(`/proc/${String(pid)}/autogroup`, String(niceness));
  } catch {
    // This user may not, or this system has none.
  }
}

interface GateParts {
  readonly port: number;
  readonly adminPort: number;
  readonly upstream: { readonly port: number; readonly transport: string };
}

async function writeConfig(
  bed: TestBed,
  lab: Lab,
  { port, adminPort, upstream }: GateParts,
): Promise<string> {
  const identity = await makeIdentityFiles(bed, 'gate.members.example');
  bed.write('gate/root.key', `${lab.rootAnchor()}\n`);
  bed.write(
    'gate/access.yaml',
    `version: 1
clients:
  "*.members.example": { roles: [partner], allow: [{ action: query }] }
anonymous: { allow: [{ action: query }] }
`,
  );
  return bed.write(
    'gate/danced.yaml',
    `version: 1
identity: { name: ${identity.name}, directory: ${identity.directory} }
resolver: { servers: ["${address}:${String(lab.resolver.port)}"], trust-anchors: root.key }
access: { store: file, file: access.yaml }
observe: { listen: "${address}:${String(adminPort)}" }
plugins:
  - use: recursive-auth/gate
    listen: ["${address}:${String(port)}"]
    upstreams: ["${address}:${String(upstream.port)}"]
    transport: ${upstream.transport}
    classes:
      partner: { weight: 20 }
      strangers: { weight: 1 }
`,
  );
}
