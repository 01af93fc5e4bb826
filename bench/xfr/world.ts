/**
 * What all rows stand on: secondaries with records in a signed DNS, the load that plays them, the zone, and the servers, each
 * started when a row first needs it and kept to the end. A server that gets no load uses nothing.
 */
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { TestBed } from '../../test/support/peers/test-bed.ts';
import { makeIdentity } from '../dot/ours.ts';
import { loadCpu, serverCpu } from '../processes.ts';
import { Trixie } from '../trixie.ts';
import { install } from './installed.ts';
import { TransferLoad } from './load.ts';
import { beginGate, gateName, makeSecondaries, secondaryZone, type Gate, type GateOptions } from './ours.ts';
import {
  startBind,
  startNginx,
  startNsd,
  type NsdOptions,
  type NsdServer,
  type PeerParts,
  type Server,
} from './peers.ts';
import { firstSerial, openZone, type ZoneFile } from './zone.ts';

/** Secondaries that the connections of the load are, in turn. */
export const secondaryCount = 100;

export class World {
  readonly load: TransferLoad;
  readonly lab: Lab;
  readonly parts: PeerParts & { readonly server: IssuedIdentity; readonly danced: string };
  readonly say: (words: string) => void;
  readonly #servers = new Map<string, Promise<Server>>();
  #zone: Promise<ZoneFile> | undefined;

  private constructor(lab: Lab, load: TransferLoad, parts: World['parts'], say: (words: string) => void) {
    this.lab = lab;
    this.load = load;
    this.parts = parts;
    this.say = say;
  }

  static async start(say: (words: string) => void): Promise<World> {
    const trixie = Trixie.open(say);
    const bed = new TestBed();
    let lab: Lab | undefined;
    try {
      lab = await startLab({ zones: [secondaryZone, gateName], unsignedZones: [] });
      const server = await makeIdentity(gateName);
      const secondaries = await makeSecondaries(lab, secondaryCount);
      const load = await TransferLoad.build(trixie, secondaries);
      const danced = await install(bed);
      return new World(lab, load, { bed, trixie, server, secondaries, danced }, say);
    } catch (error) {
      await bed.close();
      await lab?.close();
      trixie.close();
      throw error;
    }
  }

  zone(): Promise<ZoneFile> {
    return (this.#zone ??= openZone(this.parts.trixie, this.say));
  }

  /** Our gate with a version of the zone in its cache, from a primary on the other CPU. */
  cached(): Promise<Server> {
    return this.#once('cached', async () => {
      const primary = await this.distantPrimary();
      return this.#whenServed(await this.newCached(primary));
    });
  }

  /** One more, under way. */
  async newCached(primary: Server): Promise<Gate> {
    const { apex } = await this.zone();
    const lines = [`primary: 127.0.0.1:${String(primary.port)}`, `zones: [${apex}]`, 'serve: cached'];
    return this.newGate({ zone: apex, lines });
  }

  /** Our gate that relays each transfer from the primary, which shares its CPU. */
  relayed(): Promise<Server> {
    return this.#once('relayed', async () => {
      const { apex } = await this.zone();
      const primary = await this.primary();
      const lines = [`primary: 127.0.0.1:${String(primary.port)}`, `zones: [${apex}]`, 'serve: relayed'];
      const gate = await this.#whenServed(await this.newGate({ zone: apex, lines }));
      return { ...gate, behind: [primary.front] };
    });
  }

  newGate(options: GateOptions): Promise<Gate> {
    return beginGate({ ...this.parts, lab: this.lab }, options);
  }

  /** nginx before the same primary. */
  nginx(): Promise<Server> {
    return this.#once('nginx', async () => startNginx(this.parts, await this.primary()));
  }

  /** NSD with the zone, as the primary of relays. */
  primary(): Promise<Server> {
    return this.#once('primary', () => this.#nsd({ transport: 'tcp' }));
  }

  /** The same on the CPU of the load, where it costs the gate nothing. */
  distantPrimary(): Promise<Server> {
    return this.#once('distant primary', () => this.#nsd({ transport: 'tcp', cpu: loadCpu }));
  }

  /** NSD with TLS of its own. */
  nsd(): Promise<Server> {
    return this.#once('nsd', () => this.#nsd({ transport: 'tls' }));
  }

  bind(): Promise<Server> {
    return this.#once('bind', async () => {
      const zone = await this.zone();
      const bind = await startBind(this.parts, zone);
      await this.load.waitForSerial({ port: bind.port, zone: zone.apex }, firstSerial);
      return bind;
    });
  }

  /** NSD that has begun to read the zone, or another one. */
  async beginNsd(options: Omit<NsdOptions, 'zone'> & Partial<NsdOptions>): Promise<NsdServer> {
    return startNsd(this.parts, { zone: await this.zone(), ...options });
  }

  async close(): Promise<void> {
    const { bed, trixie } = this.parts;
    await bed.close();
    await this.lab.close();
    trixie.close();
  }

  async #nsd(options: Omit<NsdOptions, 'zone'>): Promise<Server> {
    const nsd = await this.beginNsd({ cpu: serverCpu, ...options });
    const { apex } = await this.zone();
    const transport = options.transport === 'tls' ? 'tls' : 'tcp';
    await this.load.waitForSerial({ port: nsd.port, zone: apex, transport }, firstSerial);
    return nsd;
  }

  async #whenServed<Kind extends Gate>(gate: Kind): Promise<Kind> {
    const { apex } = await this.zone();
    await gate.listening;
    await this.load.waitForSerial({ port: gate.port, zone: apex }, firstSerial);
    return gate;
  }

  #once(name: string, start: () => Promise<Server>): Promise<Server> {
    const found = this.#servers.get(name) ?? start();
    this.#servers.set(name, found);
    return found;
  }
}
